//! The tables of the house: which crate may depend on which, and within a crate which module may
//! use which.

use super::modules::Table;

/// Which room may lean on which. Arrows only go down; no two worlds know each other.
pub(super) const ARROWS: &[(&str, &[&str])] = &[
    // door
    (
        "log2aws",
        &[
            "log2aws-agent",
            "log2aws-aws",
            "log2aws-cli",
            "log2aws-core",
            "log2aws-raster",
            "log2aws-server",
            "log2aws-service",
            "log2aws-stack",
        ],
    ),
    ("log2aws-agent-bin", &["log2aws-cli"]),
    // What the two doors share.
    ("log2aws-cli", &["log2aws-agent", "log2aws-core"]),
    // worlds
    (
        "log2aws-server",
        &[
            "log2aws-core",
            "log2aws-dashboard",
            "log2aws-raster",
            "log2aws-service",
            "log2aws-store",
        ],
    ),
    ("log2aws-agent", &["log2aws-core"]),
    ("log2aws-stack", &["log2aws-core", "log2aws-ssm"]),
    // Two functions of one world: analyze-log needs an SDK, and generate-url must link none.
    (
        "log2aws-lambda-analyze",
        &["log2aws-aws", "log2aws-core", "log2aws-lambda", "log2aws-raster", "log2aws-service"],
    ),
    ("log2aws-lambda", &["log2aws-core", "log2aws-service", "log2aws-ssm"]),
    // ground
    ("log2aws-ssm", &[]),
    ("log2aws-aws", &["log2aws-core", "log2aws-service"]),
    ("log2aws-store", &["log2aws-core", "log2aws-service"]),
    // rules
    ("log2aws-dashboard", &["log2aws-core", "log2aws-service"]),
    ("log2aws-service", &["log2aws-core"]),
    // pure
    ("log2aws-core", &[]),
    ("log2aws-raster", &[]),
    // tests and tools
    ("log2aws-skip", &[]),
    ("log2aws-fuzz", &["log2aws-core", "log2aws-server", "log2aws-service", "log2aws-store"]),
    ("xtask", &[]),
];

/// Which module of a crate may use which of the same crate. A crate without a table has no rule but
/// that its modules form no circle.
pub(super) const MODULES: &[Table] = &[];

/// Where there still are circles: (crate, parent of the modules). None may be added.
pub(super) const KNOWN_CIRCLES: &[(&str, &str)] = &[
    ("log2aws", "crate"),
    ("log2aws-agent", "crate::doctor"),
    ("log2aws-agent", "crate::ship"),
    ("log2aws-aws", "crate"),
    ("log2aws-core", "crate::chart"),
    ("log2aws-dashboard", "crate"),
    ("log2aws-server", "crate"),
    ("log2aws-server", "crate::http"),
    ("log2aws-server", "crate::s3"),
    ("log2aws-service", "crate::analyze"),
    ("log2aws-store", "crate::disk"),
];
