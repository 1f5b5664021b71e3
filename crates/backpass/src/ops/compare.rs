//! `compare`.

use backpass_kernels::Binary;

use super::elementwise::{broadcast_shape, eval_elementwise, pairs};
use super::{
    Arity, Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample,
};
use super::{Shape, ShapeError, Steps, Value, Vjp};

/// A relation between two numbers; all are false when either is NaN, except `NotEqual`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Relation {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Relation {
    /// All relations with their infix symbols.
    pub const ALL: [(Relation, &'static str); 6] = [
        (Relation::LessEqual, "<="),
        (Relation::GreaterEqual, ">="),
        (Relation::Equal, "=="),
        (Relation::NotEqual, "!="),
        (Relation::Less, "<"),
        (Relation::Greater, ">"),
    ];

    /// The infix symbol.
    pub fn symbol(self) -> &'static str {
        Self::ALL.iter().find(|(r, _)| *r == self).map_or("", |(_, symbol)| symbol)
    }

    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Relation::Less => a < b,
            Relation::LessEqual => a <= b,
            Relation::Greater => a > b,
            Relation::GreaterEqual => a >= b,
            Relation::Equal => a == b,
            Relation::NotEqual => a != b,
        }
    }

    fn kernel(self) -> Binary {
        match self {
            Relation::Less => Binary::Lt,
            Relation::LessEqual => Binary::Le,
            Relation::Greater => Binary::Gt,
            Relation::GreaterEqual => Binary::Ge,
            Relation::Equal => Binary::Eq,
            Relation::NotEqual => Binary::Ne,
        }
    }
}

/// 1 where the relation holds, else 0.
#[derive(Clone, PartialEq, Debug)]
pub struct Compare {
    /// The relation.
    pub relation: Relation,
}

impl Operator for Compare {
    const INFO: Info = Info {
        name: "compare",
        symbol: None,
        arity: Arity::Exactly(2),
        category: Category::Logic,
        formula: "a < b ? 1 : 0",
        summary: "1 where a relation (<, <=, >, >=, ==, !=) holds, else 0",
        source: "",
    };

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape(args)
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        eval_elementwise(args, shape, |[a, b]| f64::from(u8::from(self.relation.holds(a, b))))
    }

    fn vjp<'b>(&self, _: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        const REASON: &str = "a comparison is flat except where it flips";
        vec![Cotangent::Zero(REASON), Cotangent::Zero(REASON)]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Map
    }

    fn steps(&self, steps: &mut Steps, args: &[Value]) -> Value {
        steps.binary(self.relation.kernel(), args[0], args[1])
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("relation", Attribute::Word(self.relation.symbol().to_string()))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        const EXPECTED: &str = "one of <, <=, >, >=, ==, !=";
        let word = attributes.word("relation", EXPECTED)?;
        match Relation::ALL.iter().find(|(_, symbol)| *symbol == word) {
            Some(&(relation, _)) => Ok(Compare { relation }),
            None => Err(AttributeError::Wrong { name: "relation", expected: EXPECTED, found: word }),
        }
    }

    fn samples() -> Vec<Sample> {
        let all = Relation::ALL.into_iter();
        all.flat_map(|(relation, _)| pairs().into_iter().map(move |(a, b)| Sample::new(Compare { relation }, [a, b])))
            .collect()
    }
}
