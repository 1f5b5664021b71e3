//! Numbers as files have them: digits, a point, perhaps an exponent, without a loss in either direction.

/// A number written in plain decimals, `-12.50`, or as C writes exponents, `1.25e-03`. There is one such text for each
/// value of this type: no plus sign, no leading zeros, a digit on either side of the point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decimal {
    /// All digits as one integer.
    pub digits: u64,
    pub negative: bool,
    /// Digits behind the point, at most [`Decimal::MOST_DECIMALS`].
    pub decimals: u8,
    /// From -99 to 99.
    pub exponent: Option<i8>,
}

/// Powers of ten that f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

impl Decimal {
    pub const MOST_DECIMALS: u8 = 31;

    /// The number that a text says in this form, and nothing else.
    pub fn read(text: &str) -> Option<Decimal> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        let whole = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if whole == 0 || (whole > 1 && bytes[0] == b'0') {
            return None;
        }
        let add = |digits: Option<u64>, byte: &u8| digits?.checked_mul(10)?.checked_add(u64::from(byte - b'0'));
        let mut digits = bytes[..whole].iter().fold(Some(0), add);
        let (mut rest, mut decimals) = (&bytes[whole..], 0);
        if let [b'.', behind @ ..] = rest {
            decimals = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if decimals == 0 || decimals > usize::from(Self::MOST_DECIMALS) {
                return None;
            }
            digits = behind[..decimals].iter().fold(digits, add);
            rest = &behind[decimals..];
        }
        let exponent = match *rest {
            [] => None,
            [b'e', sign @ (b'+' | b'-'), tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                let size = ((tens - b'0') * 10 + ones - b'0') as i8;
                // There is one text for an exponent of zero.
                if size == 0 && sign == b'-' {
                    return None;
                }
                Some(if sign == b'-' { -size } else { size })
            }
            _ => return None,
        };
        Some(Decimal { digits: digits?, negative, decimals: decimals as u8, exponent })
    }

    /// Appends the text.
    pub fn write(&self, text: &mut String) {
        if self.negative {
            text.push('-');
        }
        let mut buffer = [b'0'; 32 + 20];
        let (mut at, mut rest) = (buffer.len(), self.digits);
        while rest > 0 {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let decimals = usize::from(self.decimals.min(Self::MOST_DECIMALS));
        // A digit stands before the point.
        let digits = &buffer[at.min(buffer.len() - decimals - 1)..];
        let (whole, behind) = digits.split_at(digits.len() - decimals);
        text.extend(whole.iter().copied().map(char::from));
        if !behind.is_empty() {
            text.push('.');
            text.extend(behind.iter().copied().map(char::from));
        }
        if let Some(exponent) = self.exponent {
            let size = exponent.unsigned_abs();
            text.push('e');
            text.push(if exponent < 0 { '-' } else { '+' });
            text.push(char::from(b'0' + size / 10));
            text.push(char::from(b'0' + size % 10));
        }
    }

    /// The f64 nearest to the number.
    pub fn value(&self) -> f64 {
        let power = i32::from(self.exponent.unwrap_or(0)) - i32::from(self.decimals);
        // Both factors are exact, so the one rounding is the right one (Clinger 1990).
        if self.digits <= 1 << 53 && power.unsigned_abs() < POWERS.len() as u32 {
            let (digits, factor) = (self.digits as f64, POWERS[power.unsigned_abs() as usize]);
            let size = if power < 0 { digits / factor } else { digits * factor };
            return if self.negative { -size } else { size };
        }
        let mut text = String::with_capacity(64);
        self.write(&mut text);
        text.parse().unwrap_or(f64::NAN)
    }

    /// The same number with more digits behind the point.
    pub fn with_decimals(self, decimals: u8) -> Option<Decimal> {
        let digits = 10u64.checked_pow(decimals.checked_sub(self.decimals)?.into())?.checked_mul(self.digits)?;
        Some(Decimal { digits, decimals, ..self })
    }

    /// The same number without zeros at the end of its decimals, of which `least` stay.
    pub fn trimmed(mut self, least: u8) -> Decimal {
        while self.decimals > least && self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.decimals -= 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round(text: &str) -> Option<String> {
        let decimal = Decimal::read(text)?;
        let mut written = String::new();
        decimal.write(&mut written);
        assert_eq!(decimal.value().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        Some(written)
    }

    #[test]
    fn texts_come_back() {
        let there = [
            "0",
            "7",
            "-0",
            "-0.0000",
            "0.5",
            "12.50",
            "-1234.5678",
            "1.25e-03",
            "-9.999999999999999999e+00",
            "1e+22",
            "18446744073709551615",
            "0.0000000000000000000000000000001",
            "0.12345678901234567",
            "9007199254740993",
        ];
        for text in there {
            assert_eq!(round(text).as_deref(), Some(text));
        }
        let not = [
            "",
            "-",
            ".5",
            "5.",
            "007",
            "+1",
            "1,5",
            "1e5",
            "1E+05",
            "1e-00",
            "1e+100",
            "1.5 ",
            "NaN",
            "inf",
            "1..2",
            "18446744073709551616",
        ];
        for text in not {
            assert_eq!(round(text), None, "{text:?}");
        }
    }

    #[test]
    fn zeros_at_the_end() {
        let of = |text| Decimal::read(text).unwrap();
        assert_eq!(of("0.5").with_decimals(4), Some(of("0.5000")));
        assert_eq!((of("12.0000").trimmed(0), of("12.0000").trimmed(1)), (of("12"), of("12.0")));
        assert_eq!(of("12.50").with_decimals(1), None);
    }

    proptest! {
        #[test]
        fn values_are_those_that_the_standard_library_reads(text in "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,22})?(e[+-][0-9]{2})?") {
            if let Some(written) = round(&text) {
                prop_assert_eq!(written, text);
            }
        }

        #[test]
        fn shortest_texts_come_back(value in any::<f64>()) {
            if let Some(written) = round(&value.to_string()) {
                prop_assert_eq!(written, value.to_string());
            }
        }
    }
}
