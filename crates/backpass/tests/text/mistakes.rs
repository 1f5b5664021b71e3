//! What is said about mistakes, and texts that are nothing but mistakes.

use backpass::text::parse;

use crate::number;

fn errors(source: &str) -> String {
    parse(source).map(|graph| format!("no error:\n{graph}")).unwrap_or_else(|e| e.to_string())
}

/// Pairs of a text and what is said about it.
const MISTAKES: &str = r#"
y = wx * 2
input w: []
line 1, column 5: unknown name `wx`
  y = wx * 2
      ^^
help: did you mean `w`?
---
y = sigmiod(1)
line 1, column 5: unknown function `sigmiod`
  y = sigmiod(1)
      ^^^^^^^
help: did you mean `sigmoid`?
---
y = sigmoid + 1
line 1, column 5: unknown name `sigmoid`
  y = sigmoid + 1
      ^^^^^^^
help: `sigmoid` is a function; write sigmoid(…)
---
y = 2 +
line 1, column 8: expected a value, found the end of the text
  y = 2 +
         ^
---
y = (1 + 2
z = 3
line 2, column 1: expected an operator or `)`, found `z`
  z = 3
  ^
help: the bracket was opened in line 1, column 5
---
y = (1 + 2
line 1, column 5: this bracket is never closed
  y = (1 + 2
      ^
---
y = foo(1, 2)) + 1
line 1, column 14: expected an operator or the end of the line, found `)`
  y = foo(1, 2)) + 1
               ^
---
1 2
line 1, column 3: expected an operator or the end of the line, found a number
  1 2
    ^
---
2x
line 1, column 1: this is neither a number nor a name
  2x
  ^^
help: a product is written with `*`: 2*x
---
0xzz
line 1, column 1: a key is `0x` followed by 1 to 16 hexadecimal digits
  0xzz
  ^^^^
---
1e999
line 1, column 1: this number is too large; the largest is about 1.8e308
  1e999
  ^^^^^
---
a = b
b = c + 1
c = a
line 3, column 5: a value cannot depend on itself: a -> b -> c -> a
  c = a
      ^
---
a = a
line 1, column 5: a value cannot depend on itself: a -> a
  a = a
      ^
---
a = 1
a = 2
line 2, column 1: `a` is defined twice: in line 1 and in line 2
  a = 2
  ^
---
1
2
line 2, column 1: the output `result` is defined twice: in line 1 and in line 2
  2
  ^
help: an expression without a name is the output `result`; write `output name = …`
---
output result = 1
2
line 2, column 1: the output `result` is defined twice: in line 1 and in line 2
  2
  ^
help: an expression without a name is the output `result`; write `output name = …`
---
output y
line 1, column 8: unknown name `y`
  output y
         ^
---
update w = 1
line 1, column 8: there is no parameter `w` to update
  update w = 1
         ^
---
parameter w: [2]
update w = 1
line 2, column 8: `w` has shape [2], the value after the step has shape []
  update w = 1
         ^
---
parameter w: []
update w = 1; update w = 2
line 2, column 22: the update of `w` is defined twice: in line 2 and in line 2
  update w = 1; update w = 2
                       ^
---
input x [2]
line 1, column 9: expected `:`, found `[`
  input x [2]
          ^
help: a shape follows: `[batch, 4]`, or `[]` for a single number
---
input x: [2, batch]
line 1, column 10: `batch` can only stand first in a shape
  input x: [2, batch]
           ^^^^^^^^^^
---
input x: 3
line 1, column 10: expected `[`, found a number
  input x: 3
           ^
---
input x: [2.5]
line 1, column 11: expected a whole number or `batch`, found a number
  input x: [2.5]
            ^^^
---
input output: []
line 1, column 7: expected a name, found `output`
  input output: []
        ^^^^^^
help: a name that is also a keyword is written in backquotes
---
layer = 3
line 1, column 7: expected the name of the layer, found `=`
  layer = 3
        ^
---
x = layer
line 1, column 5: expected a name, found `layer`
  x = layer
      ^^^^^
help: a name that is also a keyword is written in backquotes
---
layer a {
 x = 1
line 1, column 1: the block of `a` is never closed
  layer a {
  ^^^^^^^
help: add `}`
---
}
line 1, column 1: this `}` closes no block
  }
  ^
---
layer a { x = }
y=1
line 1, column 15: expected a value, found `}`
  layer a { x = }
                ^
---
[1, x]
line 1, column 5: expected a number, found `x`
  [1, x]
      ^
help: an array holds numbers only; `concat` joins other values
---
[[1, 2], [3]]
line 1, column 10: the rows of an array have equal sizes
  [[1, 2], [3]]
           ^^^
---
[1, 2] + [1, 2, 3]
line 1, column 8: shapes [2] and [3] do not fit together
  [1, 2] + [1, 2, 3]
         ^
help: sizes must be equal, or one of them 1, counted from the right
---
sum([1], axs=0)
line 1, column 10: there is no attribute `axs` here
  sum([1], axs=0)
           ^^^^^
help: did you mean `axis`?
---
sum([1], axis=0, axis=0)
line 1, column 18: `axis` is given twice
  sum([1], axis=0, axis=0)
                   ^^^^^^
---
sum([1], axis=-1)
line 1, column 10: `axis=-1`: expected a whole number of at least 0
  sum([1], axis=-1)
           ^^^^^^^
---
slice([1, 2], axis=0)
line 1, column 1: `start=…` is missing; it must be a whole number of at least 0
  slice([1, 2], axis=0)
  ^^^^^
---
softmax(1)
line 1, column 1: axis 0 does not exist in shape []
  softmax(1)
  ^^^^^^^
---
softmax([1], axis=3)
line 1, column 1: axis 3 does not exist in shape [1]
  softmax([1], axis=3)
  ^^^^^^^
---
softmax([1], axes=3)
line 1, column 14: there is no attribute `axes` here, only axis
  softmax([1], axes=3)
               ^^^^^^
help: did you mean `axis`?
---
softmax(1, 2)
line 1, column 1: `softmax` takes 1 operand(s), found 2
  softmax(1, 2)
  ^^^^^^^
---
select(1, 2)
line 1, column 1: `select` takes 3 operand(s), found 2
  select(1, 2)
  ^^^^^^
---
min(3)
line 1, column 1: `min` takes two or more operands and no attributes
  min(3)
  ^^^
help: the smallest element of x is -max(-x)
---
input(3)
line 1, column 6: expected the name of the input, found `(`
  input(3)
       ^
---
y = input(3)
line 1, column 5: unknown function `input`
  y = input(3)
      ^^^^^
help: declare an input in a line of its own: input x: [batch, 4]
---
constant(3)
line 1, column 1: unknown function `constant`
  constant(3)
  ^^^^^^^^
help: write the number or array itself
---
compare(1, 2)
line 1, column 1: unknown function `compare`
  compare(1, 2)
  ^^^^^^^
help: write the comparison itself: a < b
---
1 < 2 < 3
line 1, column 7: comparisons cannot be chained
  1 < 2 < 3
        ^
help: use brackets, or multiply: (a < b) * (b < c)
---
$
line 1, column 1: `$` has no meaning here
  $
  ^
---
`abc
line 1, column 1: this name has no closing backquote in its line
  `abc
  ^^^^
---
`a\b`
line 1, column 1: a backslash in a name stands before `\`, a backquote or `n`
  `a\b`
  ^^^^
---
e^2
line 1, column 1: unknown name `e`
  e^2
  ^
help: Euler's number is exp(1)
---
0x2a
line 1, column 1: expected a value, found the key 0x2a
  0x2a
  ^^^^
---
f(x=)
line 1, column 5: expected a number, a word, a key or a list, found `)`
  f(x=)
      ^
---
dropout([1], 0)
line 1, column 1: `rate=…` is missing; it must be a number of at least 0 and below 1
  dropout([1], 0)
  ^^^^^^^
---
dropout([1], 0, rate=2, key=1)
line 1, column 17: `rate=2`: expected a number of at least 0 and below 1
  dropout([1], 0, rate=2, key=1)
                  ^^^^^^
---
dropout([1], 0, rate=0.5)
line 1, column 1: `key=…` is missing; it must be a key such as 0x2a
  dropout([1], 0, rate=0.5)
  ^^^^^^^
---
input x: [1000000000, 100000000]
line 1, column 10: a value of shape [1000000000, 100000000] is too large
  input x: [1000000000, 100000000]
           ^^^^^^^^^^^^^^^^^^^^^^^
---
[1] ' 
line 1, column 5: `'` needs an operand of rank 2, found shape [1]
  [1] ' 
      ^
---
x = 1 = 2
line 1, column 7: expected an operator or the end of the line, found `=`
  x = 1 = 2
        ^
---
a b
line 1, column 3: expected an operator or the end of the line, found `b`
  a b
    ^
---
a = 1,
line 1, column 6: expected an operator or the end of the line, found `,`
  a = 1,
       ^
---
x = 1 }
line 1, column 7: this `}` closes no block
  x = 1 }
        ^
---
sqrt 2
line 1, column 6: expected an operator or the end of the line, found a number
  sqrt 2
       ^
help: `sqrt` is a function; write sqrt(…)
---
3 = x
line 1, column 1: expected a name, found a number
  3 = x
  ^
---
y = 1 +
z = * 2
w = q
line 1, column 8: expected a value, found the end of the line
  y = 1 +
         ^

line 2, column 5: expected a value, found `*`
  z = * 2
      ^
"#;

#[test]
fn mistakes_are_shown_in_place() {
    for case in MISTAKES.trim().split("\n---\n") {
        let (source, expected) = case.split_at(case.find("\nline ").expect("a diagnostic"));
        assert_eq!(errors(source), expected.trim_start(), "{source}");
    }
    assert_eq!(errors("é = wö\tß").lines().nth(2), Some("         ^"));
    let long = format!("y = {} + oops + {}", ["1"; 200].join(" + "), ["1"; 200].join(" + "));
    let shown = errors(&long);
    let [_, line, carets] = shown.lines().collect::<Vec<_>>()[..] else { panic!("{shown}") };
    assert!(line.chars().count() < 110 && line.starts_with("  …") && line.ends_with('…'), "{line}");
    assert_eq!(line.chars().skip(carets.find('^').unwrap()).take(4).collect::<String>(), "oops");
}

#[test]
fn hopeless_texts_are_refused_quickly() {
    let deep = "brackets nest more than 200 deep";
    for (bracket, inner) in [("(", ""), ("[", ""), ("exp(", ""), ("1 < (1 + (1 * (-(max(", "1, ")] {
        let source = format!("{bracket}{inner}").repeat(10_000);
        assert!(errors(&source).contains(deep), "{bracket}");
    }
    assert_eq!(number(&format!("{}1{}", "(".repeat(199), ")".repeat(199))), 1.0);
    let nested = "1 < (1 + (1 * -(max(1, ".repeat(49) + "1" + &"))))".repeat(49);
    assert!(parse(&nested).is_ok());
    assert!(errors(&"layer a {\n".repeat(10_000)).contains("blocks nest more than 100 deep"));
    for line in ["x = y\n", "+\n", "}", "`", "x = (\n", "x = [\n", "x = x + 1;", "layer a }\n", "e ", "1e", "...", "#"]
    {
        let _ = parse(&line.repeat(1_000_000 / line.len()));
    }
    assert_eq!(parse(&"x = y\n".repeat(100_000)).unwrap_err().errors().len(), 100);
    let name = "n".repeat(1_000_000);
    assert!(parse(&format!("{name} = {name}m")).is_err());
    let message = errors(&format!("{name}(1)"));
    assert!(message.len() < 1000 && message.contains("unknown function `nnn"), "{message}");
    let dimensions = format!("reshape(1, shape=[{}])", "1,".repeat(100_000));
    assert!(errors(&dimensions).contains("a value with 100000 dimensions is too large; at most 200"));
}

#[test]
fn a_mark_of_the_encoding_is_passed_over() {
    assert_eq!(number("\u{feff}1 + 2"), 3.0);
    assert!(errors("\u{feff}1 + $").starts_with("line 1, column 5: `$`"));
    assert!(errors("1 + \u{feff}").contains("has no meaning here"));
}
