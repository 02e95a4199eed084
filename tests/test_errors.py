import pickle

from nlptrain.errors import InputError, Problem, Setting, join_texts


def test_an_error_shows_its_fields_in_one_line():
    error = InputError("found 3 columns", location="a.conll:7", expected="4 columns", hint="give data.format")
    assert str(error) == "a.conll:7: found 3 columns; expected 4 columns; give data.format"
    assert error.problems == (Problem("found 3 columns", "a.conll:7", "4 columns", "give data.format"),)


def test_empty_fields_are_omitted():
    assert str(InputError("found nothing")) == "found nothing"
    assert str(InputError("found nothing", location="a")) == "a: found nothing"
    assert str(InputError("found nothing", hint="look again")) == "found nothing; look again"


def test_each_problem_is_one_line():
    assert str(InputError(Problem("one\nbreak", "a"), Problem("two", "b"))) == "a: one\\nbreak\nb: two"


def test_a_setting_has_the_name_that_the_reader_knows():
    hint = ("give another ", Setting("output_dir"), ", or set ", Setting("overwrite"))
    error = InputError("holds another run", location="runs/a", hint=hint)
    assert str(error) == "runs/a: holds another run; give another output_dir, or set overwrite"
    options = {"output_dir": "--output-dir", "overwrite": "--overwrite"}
    assert error.lines(options.__getitem__) == [
        "runs/a: holds another run; give another --output-dir, or set --overwrite"
    ]


def test_joined_texts_are_a_string_unless_there_is_a_setting():
    assert join_texts("c.yaml", "", ": seed") == "c.yaml: seed"
    assert join_texts((Setting("settings"), " seed=x"), ":1") == (Setting("settings"), " seed=x", ":1")


def test_an_error_survives_pickling():
    error = InputError("found 3", location=Setting("train.steps"))
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
