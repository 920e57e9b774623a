//! What may follow the name of a check: `--name NUMBER`, in any order.

use std::collections::BTreeMap;

use crate::failure::Failure;

/// The numbers that were given.
#[derive(Debug)]
pub(crate) struct Options(BTreeMap<String, u64>);

impl Options {
    /// Reads what follows the name; a word that the check does not know is an error.
    pub(crate) fn read(arguments: &[String], known: &[&str]) -> Result<Self, Failure> {
        let mut arguments = arguments.iter();
        let mut given = BTreeMap::new();
        while let Some(name) = arguments.next() {
            if !known.contains(&name.as_str()) {
                return Err(Failure::Broke(format!(
                    "there is no option `{name}`, only {}",
                    known.join(", ")
                )));
            }
            let number = arguments.next().and_then(|number| number.parse().ok());
            let number = number.ok_or_else(|| Failure::Broke(format!("`{name}` needs a number")))?;
            given.insert(name.clone(), number);
        }
        Ok(Self(given))
    }

    /// The number given under this name.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<Options, Failure> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        Options::read(&words, &["--cycles", "--seed"])
    }

    #[test]
    fn numbers_are_found_by_name() {
        let given = options(&["--seed", "7"]).unwrap();
        assert_eq!((given.number("--seed"), given.number("--cycles")), (Some(7), None));
    }

    #[test]
    fn unknown_names_and_missing_numbers_are_refused() {
        assert!(options(&["--cycle", "7"]).is_err());
        assert!(options(&["--cycles"]).is_err());
        assert!(options(&["--cycles", "many"]).is_err());
    }
}
