"""The base rules: each carries its Rego test, and the main module names every one of them."""

from pathlib import Path

from apps.policies import base, rego_tests


def test_it_asks_every_rule_there_is() -> None:
    main = base.modules()["behavry/main.rego"]
    for rule in (base.folder() / "behavry" / "rules").iterdir():
        assert f"data.behavry.rules.{rule.name}.verdicts" in main


def test_it_keeps_each_rule_in_a_folder_of_its_name_with_a_test() -> None:
    for rule in (base.folder() / "behavry" / "rules").iterdir():
        names = {path.name for path in rule.iterdir()}
        assert names == {f"{rule.name}.rego", f"{rule.name}_test.rego"}
        source = (rule / f"{rule.name}.rego").read_text()
        assert f"\npackage behavry.rules.{rule.name}\n" in source


def test_it_describes_every_rule() -> None:
    found = {rule.name: rule for rule in base.rules()}
    assert set(found) == {path.name for path in (base.folder() / "behavry" / "rules").iterdir()}
    for rule in found.values():
        assert rule.title and rule.description and rule.rules
    for name, source in base.modules().items():
        if "/rules/" in name:
            assert source.count("\nverdicts contains") <= 2 * source.count("# METADATA")


def test_it_ships_no_tests_to_a_rulebook() -> None:
    assert not [name for name in base.modules() if "test" in name]


def test_it_passes_its_own_rego_tests() -> None:
    outcomes = list(rego_tests.run())
    assert [outcome for outcome in outcomes if outcome.problem] == []
    assert len(outcomes) > 80


def test_it_names_file_and_rule_of_a_rego_test_that_fails(tmp_path: Path) -> None:
    (tmp_path / "a.rego").write_text("package a\n\nx := 1\n")
    (tmp_path / "a_test.rego").write_text("package a_test\n\ntest_good if data.a.x == 1\n\ntest_bad if data.a.x == 2\n")
    (tmp_path / "b_test.rego").write_text("package b_test\n\ntest_broken if {\n")
    found = {(outcome.file, outcome.rule): outcome.problem for outcome in rego_tests.run(tmp_path)}
    assert found[("a_test.rego", "test_good")] == ""
    assert found[("a_test.rego", "test_bad")]
    assert found[("b_test.rego", "")]
    assert rego_tests.main([str(tmp_path)]) == 1
