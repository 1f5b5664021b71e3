//! Dates and times of day, as days since 1 January 1970.

use serde::{Deserialize, Serialize};

const DAY_SECONDS: f64 = 86_400.0;

/// The order of year, month and day. The separator is `-`, `/` or `.`; a time of day may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// `2024-01-31`, `2024-01-31T23:59:30.5+01:00`.
    Iso,
    /// `31/01/2024`, `31.01.2024 23:59`.
    DayFirst,
    /// `01/31/2024`, `01/31/2024 11:59 PM`.
    MonthFirst,
}

impl DateFormat {
    pub(crate) const ALL: [DateFormat; 3] = [DateFormat::Iso, DateFormat::DayFirst, DateFormat::MonthFirst];

    /// A date written in this format.
    pub fn example(self) -> &'static str {
        match self {
            DateFormat::Iso => "2024-01-31",
            DateFormat::DayFirst => "31/01/2024",
            DateFormat::MonthFirst => "01/31/2024",
        }
    }

    /// Days since 1970-01-01 in UTC, with the time of day as the fraction.
    pub(crate) fn parse(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let (date, time) = match text.find(['T', ' ']) {
            Some(at) => (&text[..at], text[at + 1..].trim()),
            None => (text, ""),
        };
        let separator = date.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
        let mut parts = date.split(separator);
        let [a, b, c] = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() {
            return None;
        }
        let (year, month, day) = match self {
            DateFormat::Iso => (a, b, c),
            DateFormat::DayFirst => (c, b, a),
            DateFormat::MonthFirst => (c, a, b),
        };
        if year.len() != 4 {
            return None;
        }
        let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
        let days = days_from_civil(year, month, day);
        // An impossible date such as 30 February comes back as another one.
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        let seconds = if time.is_empty() { 0.0 } else { seconds(time)? };
        Some(days as f64 + seconds / DAY_SECONDS)
    }
}

/// The seconds since midnight UTC of `hh:mm`, `hh:mm:ss.fff`, with `AM`, `PM`, `Z` or an offset.
fn seconds(time: &str) -> Option<f64> {
    let upper = time.to_ascii_uppercase();
    let (time, half_day) = match upper.strip_suffix("AM").or(upper.strip_suffix("PM")) {
        Some(time) => (time.trim_end(), Some(upper.ends_with("PM"))),
        None => (upper.strip_suffix('Z').unwrap_or(&upper).trim_end(), None),
    };
    let (clock, offset) = match time.find(['+', '-']) {
        Some(at) => {
            let (hours, minutes) = hours_minutes(&time[at + 1..])?;
            let sign = if time[at..].starts_with('-') { -1.0 } else { 1.0 };
            (time[..at].trim_end(), sign * (hours * 3600 + minutes * 60) as f64)
        }
        None => (time, 0.0),
    };
    let (clock, second) = match clock.match_indices(':').nth(1) {
        Some((at, _)) => (&clock[..at], clock[at + 1..].parse().ok()?),
        None => (clock, 0.0),
    };
    let (hours, minutes) = hours_minutes(clock)?;
    let hours = match half_day {
        Some(afternoon) if (1..=12).contains(&hours) => hours % 12 + 12 * i64::from(afternoon),
        Some(_) => return None,
        None => hours,
    };
    let valid = hours < 24 && minutes < 60 && (0.0..61.0).contains(&second);
    valid.then_some((hours * 3600 + minutes * 60) as f64 + second - offset)
}

/// `hh:mm`, `hhmm` or `hh`.
fn hours_minutes(text: &str) -> Option<(i64, i64)> {
    match (text.split_once(':'), text.len()) {
        (Some((hours, minutes)), _) => Some((digits(hours)?, digits(minutes)?)),
        (None, 4) => Some((digits(text.get(..2)?)?, digits(text.get(2..)?)?)),
        (None, 2) => Some((digits(text)?, 0)),
        _ => None,
    }
}

fn digits(text: &str) -> Option<i64> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = year - era * 400;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// `2024-01-31`.
pub(crate) fn iso_date(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2024-01-31T23:59:30.500000000Z` without trailing zeros of the second, from nanoseconds.
pub(crate) fn iso_timestamp(nanoseconds: i128) -> String {
    const DAY: i128 = 86_400_000_000_000;
    let date = iso_date(nanoseconds.div_euclid(DAY) as i64);
    let time = nanoseconds.rem_euclid(DAY);
    let (seconds, fraction) = (time / 1_000_000_000, time % 1_000_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => format!("{date}T{clock}Z"),
        _ => format!("{date}T{clock}.{}Z", format!("{fraction:09}").trim_end_matches('0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar() {
        for days in (-800_000..800_000).step_by(13) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(iso_date(-1), "1969-12-31");
    }

    #[test]
    fn texts() {
        use DateFormat::*;
        let cases = [
            (Iso, "1970-01-02", Some(1.0)),
            (Iso, "1970/01/02 12:00", Some(1.5)),
            (Iso, "1970-01-02T06:00:00Z", Some(1.25)),
            (Iso, "1970-01-02T06:00:00.000+06:00", Some(1.0)),
            (Iso, "1970-01-01T18:00-0600", Some(1.0)),
            (Iso, "2023-02-29", None),
            (Iso, "2024-02-29", Some(19_782.0)),
            (Iso, "2024-13-01", None),
            (Iso, "2024-01-01 24:01", None),
            (DayFirst, "31/01/1970", Some(30.0)),
            (DayFirst, "31.1.1970", Some(30.0)),
            (MonthFirst, "31/01/1970", None),
            (MonthFirst, "1/31/1970 11:59 PM", Some(30.0 + 1439.0 / 1440.0)),
            (MonthFirst, "1/31/1970 12:00:00 AM", Some(30.0)),
            (Iso, "12", None),
            (Iso, "1.5.3", None),
            (Iso, "é-01-01 T", None),
        ];
        for (format, text, expected) in cases {
            assert_eq!(format.parse(text), expected, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_back() {
        let text = iso_timestamp(86_400_000_000_000 + 1_500_000_000);
        assert_eq!(text, "1970-01-02T00:00:01.5Z");
        assert_eq!(DateFormat::Iso.parse(&text), Some(1.0 + 1.5 / 86_400.0));
        assert_eq!(iso_timestamp(-1_000_000_000), "1969-12-31T23:59:59Z");
    }
}
