//! The names of things.

use std::fmt;

/// A name that is opaque text.
macro_rules! text {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// It as text, such as to hand it on.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            /// The one that this text is, such as one that was handed on.
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A name that is a number.
macro_rules! number {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The id as a number.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text! {
    /// Names one connection: opaque text, compared by equality.
    ///
    /// It can't be guessed and is not used twice. Whoever has it may
    /// [send](crate::connections::send) to the connection, so it can be passed on
    /// to other handlers, and should not be shown to peers.
    #[derive(PartialOrd, Ord)]
    ConnectionId
}

text! {
    /// A place in the history of a topic: opaque text. Whoever has it may
    /// [subscribe](crate::topics::subscribe_since) to what came behind it.
    ///
    /// Positions have no order: the text of one says nothing about that of another.
    Position
}

number! {
    /// Names one timer of this connection.
    TimerId
}

number! {
    /// Names a question from one connection to another.
    CallId
}
