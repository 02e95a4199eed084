from xml.etree import ElementTree

from nlptrain.deployment.benchmark import Speed
from scripts.bench_encoders import STUDENTS, Point, command, folder, picture, table


def point(name: str, rate: float, *scores: float) -> Point:
    return Point(name, Speed(name, "onnx", "int8", rate, (rate,), 1.5, 2.0, 0.4, 10**8, 2_040_000), list(scores))


def test_table_and_picture_show_every_model() -> None:
    names = list(STUDENTS)
    points = [point("the teacher", 1_000, 58.9)]
    points += [point(name, 20_000 + index, 60.0, 62.0) for index, name in enumerate(names)]
    rows = table(points).split("\n")
    assert rows[2] == "| the teacher | 58.9 | 1,000 | 0.05 | 1.50 ms | 2.0 |"
    assert rows[3].startswith(f"| {names[0]} | 61.0 (60.0 to 62.0) | 20,000 | 1.00 |")
    svg = ElementTree.fromstring(picture(points))
    circles = [element for element in svg if element.tag.endswith("circle")]
    assert len(circles) == len(points)
    left, *students = (float(circle.get("cx") or 0) for circle in circles)
    assert all(left < x < 640 for x in students)
    heights = [float(circle.get("cy") or 0) for circle in circles]
    assert heights[0] > heights[1]  # a lower score has a larger y


def test_students_have_separate_folders_and_encoders_no_test_set() -> None:
    folders = {folder(name) for name in STUDENTS}
    assert len(folders) == len(STUDENTS)
    for name in STUDENTS:
        assert ("data.test=null" in command(name)) == folder(name).startswith("wnut17/encoders/")
