//! The dependency rules: which crate may depend on which, and within a crate which module may use
//! which.

use super::modules::Table;

/// The allowed dependencies of each crate. Arrows only go down; the worlds do not depend on each
/// other.
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
            "log2aws-tlog",
        ],
    ),
    ("log2aws-agent-bin", &["log2aws-cli"]),
    // Shared by the two command lines.
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
            "log2aws-tlog",
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
    ("log2aws-service", &["log2aws-core", "log2aws-tlog"]),
    // pure
    ("log2aws-core", &[]),
    ("log2aws-raster", &[]),
    ("log2aws-tlog", &["log2aws-core"]),
    // tests and tools
    ("log2aws-skip", &[]),
    (
        "log2aws-fuzz",
        &["log2aws-core", "log2aws-server", "log2aws-service", "log2aws-store", "log2aws-tlog"],
    ),
    ("xtask", &[]),
];

/// The allowed dependencies between modules of a crate. For a crate without a table the only rule
/// is that its modules form no circle.
pub(super) const MODULES: &[Table] = &[];

/// The remaining circles: (crate, parent of the modules). None may be added.
pub(super) const KNOWN_CIRCLES: &[(&str, &str)] = &[
    ("log2aws-server", "crate"),
    ("log2aws-server", "crate::http"),
    ("log2aws-server", "crate::s3"),
    ("log2aws-service", "crate::analyze"),
];
