import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from nlptrain.distillation import TeacherStudentDistill, kl_loss, mse_loss
from nlptrain.models.heads import nll_loss


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_losses_are_zero_if_student_equals_teacher() -> None:
    logits, mask = draw(3, 5, 4), torch.ones(3, 5, dtype=torch.bool)
    assert kl_loss(logits, logits, mask, 2.0).item() == pytest.approx(0, abs=1e-12)
    assert mse_loss(logits, logits, mask).item() == 0


def test_losses_of_one_word() -> None:
    # softmax([ln 3, 0]) = [3/4, 1/4] and softmax([0, 0]) = [1/2, 1/2]: KL = 3/4 ln(3/2) + 1/4 ln(1/2)
    teacher, student = torch.tensor([[math.log(3), 0.0]]), torch.zeros(1, 2)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert kl_loss(student, teacher, torch.tensor([True]), 1.0).item() == pytest.approx(expected, abs=1e-7)
    # At T = 2 the logits 2 ln 3 and 0 give the same distributions; the loss is T^2 = 4 times as large.
    assert kl_loss(student, 2 * teacher, torch.tensor([True]), 2.0).item() == pytest.approx(4 * expected, abs=1e-6)
    # mean over two labels: ((ln 3)^2 + 0) / 2
    assert mse_loss(student, teacher, torch.tensor([True])).item() == pytest.approx(math.log(3) ** 2 / 2, abs=1e-6)


def test_kl_loss_equals_that_of_torch() -> None:
    student, teacher = draw(7, 5), draw(7, 5, seed=1)
    expected = F.kl_div(F.log_softmax(student / 3, -1), F.softmax(teacher / 3, -1), reduction="sum") * 9
    assert torch.allclose(kl_loss(student, teacher, torch.ones(7, dtype=torch.bool), 3.0), expected, atol=1e-12)


def test_gradients_of_losses() -> None:
    teacher, mask = draw(4, 3, seed=1), torch.tensor([True, False, True, True])
    student = draw(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: kl_loss(s, teacher, mask, 2.0), student)
    assert torch.autograd.gradcheck(lambda s: mse_loss(s, teacher, mask), student)


def test_kl_gradient_tends_to_the_difference_of_centered_logits() -> None:
    # Hinton et al. 2015, section 2.1: for large T, T^2 KL has the gradient (student - teacher) / C, logits centred.
    student, teacher = draw(6, 5).requires_grad_(), draw(6, 5, seed=1)
    difference = student.detach() - teacher
    limit = (difference - difference.mean(-1, keepdim=True)) / 5
    gaps = []
    for temperature in (1, 10, 100, 1000):
        (gradient,) = torch.autograd.grad(
            kl_loss(student, teacher, torch.ones(6, dtype=torch.bool), temperature), student
        )
        gaps.append(((gradient - limit).norm() / limit.norm()).item())
    assert gaps[0] > 0.05
    assert all(later < 0.2 * earlier for earlier, later in zip(gaps, gaps[1:], strict=False))


def test_masked_words_do_not_change_the_loss() -> None:
    student, teacher = draw(4, 3), draw(4, 3, seed=1)
    mask = torch.tensor([True, False, True, False])
    before = kl_loss(student, teacher, mask, 2.0), mse_loss(student, teacher, mask)
    student[1], teacher[3] = math.nan, math.inf
    after = kl_loss(student, teacher, mask, 2.0), mse_loss(student, teacher, mask)
    assert before == after
    assert kl_loss(student, teacher, torch.zeros(4, dtype=torch.bool), 1.0).item() == 0


def test_half_precision_is_computed_in_float32() -> None:
    student, teacher = draw(50, 9).bfloat16(), draw(50, 9, seed=1).half()
    mask = torch.ones(50, dtype=torch.bool)
    assert kl_loss(student, teacher, mask, 1.0).dtype == torch.float32
    assert kl_loss(student, teacher, mask, 1.0) == kl_loss(student.float(), teacher.float(), mask, 1.0)


def test_nll_loss_sums_over_tagged_words() -> None:
    logits, gold = draw(4, 3), torch.tensor([0, -100, 2, 1])
    expected = -sum(F.log_softmax(logits, -1)[i, g] for i, g in ((0, 0), (2, 2), (3, 1)))
    assert torch.allclose(nll_loss(logits, gold), expected)


@pytest.mark.parametrize("loss_function", ["kl", "mse"])
def test_distill_loss_equals_the_mean_loss_of_the_loop(loss_function: str) -> None:
    student, teacher, own = draw(2, 4, 3), draw(2, 4, 3, seed=1), torch.tensor(0.7, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    distill = TeacherStudentDistill(lambda x: x, 2.0, 0.5, 0.3, loss_function)  # type: ignore[arg-type]
    total = (
        kl_loss(student, teacher, mask.bool(), 2.0)
        if loss_function == "kl"
        else mse_loss(student, teacher, mask.bool())
    )
    assert torch.allclose(distill.distill_loss(own, student, teacher, mask), 0.3 * own + 0.5 * total / 6)
    assert torch.allclose(
        distill.distill_loss(own, student, teacher), distill.distill_loss(own, student, teacher, torch.ones(2, 4))
    )


def test_teacher_student_distill_defaults_and_errors() -> None:
    distill = TeacherStudentDistill(lambda x: x)
    assert (distill.temperature, distill.dist_w, distill.loss_w, distill.loss_function) == (1.0, 0.1, 1.0, "kl")
    with pytest.raises(ValueError, match="temperature is 0; it must be above 0"):
        TeacherStudentDistill(lambda x: x, 0)
    with pytest.raises(ValueError, match="'kl' or 'mse'"):
        TeacherStudentDistill(lambda x: x, loss_function="ce")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"student logits are \[2, 3\], teacher logits \[2, 4\]"):
        distill.distill_loss(torch.tensor(0.0), torch.zeros(2, 3), torch.zeros(2, 4))


def test_the_teacher_runs_in_eval_mode_without_gradients() -> None:
    teacher = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.9)).train()
    inputs = torch.ones(5, 3)
    logits = TeacherStudentDistill(teacher).get_teacher_logits(inputs)
    assert not logits.requires_grad
    assert torch.equal(logits, teacher[0](inputs))  # no dropout
    assert teacher.training


def test_add_args_defines_the_options() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    TeacherStudentDistill.add_args(parser)
    options = parser.parse_args(
        ["--teacher", "t", "--temperature", "2", "--dist-w", "0.5", "--loss-w", "0.1", "--loss-function", "mse"]
    )
    assert vars(options) == {"teacher": "t", "temperature": 2.0, "dist_w": 0.5, "loss_w": 0.1, "loss_function": "mse"}
