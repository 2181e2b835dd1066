//! Runs every console example of the documentation against the built program.

#[test]
fn every_example_of_the_documentation_is_true() {
    trycmd::TestCases::new()
        .case("../../docs/convert.md")
        .case("../../docs/convert.ja.md")
        .case("../../docs/charts.md")
        .case("../../docs/charts.ja.md")
        .run();
}
