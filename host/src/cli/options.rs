//! The options of the `[host]` table: each key is one.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, parser::ValueSource};

use crate::config::{Key, Shape, keys};

/// Of these, only `serve` has one.
pub(super) const PLUGINS: &str = "plugins";

/// The keys that were given, and their values.
pub(super) struct HostOptions(pub(super) Vec<(&'static str, Vec<String>)>);

impl Args for HostOptions {
    fn augment_args(command: Command) -> Command {
        options().fold(command, |command, key| command.arg(option(&key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for HostOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = options().filter_map(|key| Some((key.name, values(&key, matches)?)));
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn options() -> impl Iterator<Item = Key> {
    keys().into_iter().filter(|key| key.name != PLUGINS)
}

fn option(key: &Key) -> Arg {
    let argument = Arg::new(key.name).long(key.option()).help(help(key));
    let checked = key.clone();
    let parse = move |text: &str| match checked.takes(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("give {}", checked.expected)),
    };
    match key.shape {
        Shape::Boolean => argument.action(ArgAction::SetTrue),
        Shape::List => {
            argument.action(ArgAction::Append).value_name(key.expected).value_parser(parse)
        }
        Shape::Text | Shape::Path => argument.value_name(key.expected).value_parser(parse),
    }
}

/// What it is for, and what else is to be known.
fn help(key: &Key) -> String {
    let lines: Vec<&str> = key.doc.lines().map(str::trim).collect();
    let mut help = lines.join(" ").replace('`', "");
    if key.shape == Shape::List {
        help += " May be repeated.";
    }
    if let (Shape::Text | Shape::Path, [default]) = (key.shape, &key.default[..]) {
        help += &format!(" [default: {default}]");
    }
    help
}

fn values(key: &Key, matches: &ArgMatches) -> Option<Vec<String>> {
    if matches.value_source(key.name) != Some(ValueSource::CommandLine) {
        return None;
    }
    Some(match key.shape {
        Shape::Boolean => vec![matches.get_flag(key.name).to_string()],
        _ => matches.get_many::<String>(key.name)?.cloned().collect(),
    })
}
