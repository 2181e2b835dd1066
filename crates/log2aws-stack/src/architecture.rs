//! Which processor the functions run on, and who decided it.

use std::fmt;

use serde::Serialize;

/// The template's parameter.
pub const ARCHITECTURE: &str = "Architecture";

/// The architecture of a program, as the template's parameter `Architecture` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Architecture {
    /// x86-64.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Both.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.to_string() == name)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// Who decided the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `--parameter Architecture=…`.
    Given,
    /// The stack has it already.
    Stack,
    /// The release has tested its zips for arm64, so that a new stack gets them.
    Tested,
    /// The default of a new stack.
    Usual,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "--parameter names it",
            Self::Stack => "the stack has it, and keeps it until --parameter names another",
            Self::Tested => "a new stack gets it from a release that tested its zips on arm64",
            Self::Usual => "a new stack gets it where no zips are that a release tested on arm64",
        })
    }
}

/// An architecture and who decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The architecture.
    pub architecture: Architecture,
    /// Who decided it.
    pub reason: Reason,
}

impl Choice {
    /// What counts, in order: the given value, that of an existing stack, and for a new one arm64 if
    /// the zips were tested there.
    pub fn of(given: Option<&str>, stack: Option<&str>, tested_on_arm64: bool) -> Self {
        if let Some(architecture) = given.and_then(Architecture::named) {
            return Self { architecture, reason: Reason::Given };
        }
        if let Some(architecture) = stack.and_then(Architecture::named) {
            return Self { architecture, reason: Reason::Stack };
        }
        if tested_on_arm64 {
            return Self { architecture: Architecture::Arm64, reason: Reason::Tested };
        }
        Self { architecture: Architecture::X86_64, reason: Reason::Usual }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.architecture, self.reason)
    }
}
