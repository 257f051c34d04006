"""The report's words in the reader's language: headings and the gap section, in English and Chinese."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from llama_index_rerank_tuner.errors import ConfigError

Language = Literal["en", "zh"]
Words = Callable[[str], str]

CHINESE = {
    "Verdict": "结论",
    "Scores": "总体指标",
    "Change": "变化",
    "Headroom": "提升空间",
    "Quality and time by depth": "不同深度下的质量与耗时",
    "Score distributions": "分数分布",
    "Gap, case by case": "逐例分差",
    "Gain by question": "逐题增益",
    "Reliability": "概率可靠性",
    "Slices": "分组表现",
    "Robustness": "抗噪能力",
    "Cost": "成本",
    "Cases": "案例浏览",
    "Method and limits": "方法与局限",
    "question": "问题",
    "positive": "正例",
    "hardest negative": "最难负例",
    "gap": "分差",
    "before": "微调前",
    "after": "微调后",
    "status": "状态",
    "change": "变化",
    "score": "分数",
    "wrong order": "顺序错误",
    "risky": "有风险",
    "fine": "正常",
    "improved": "改善",
    "level": "持平",
    "worse": "变差",
    "cases": "案例数",
    "improved, level, worse": "改善、持平、变差",
    "distractors above the positive": "高于正例的干扰项",
    "distractors pushed down": "被压低的干扰项",
    "distractors pulled up": "被抬高的干扰项",
    "AUC": "AUC",
    "standardised gap": "标准化分差",
    "figure": "数值",
    "cases, smallest gap after first": "个案例，微调后分差最小者在前",
    "the positive is above its hardest negative": "正例高于最难负例",
    "All cases": "全部案例",
}


def words(language: str = "en") -> Words:
    """What turns an English word of the report into the reader's; what has no translation stays English.

    Raises:
        ConfigError: There is no such language.

    Example:
        >>> words("zh")("wrong order")
        '顺序错误'
    """
    if language not in get_args(Language):
        raise ConfigError(f"language is one of {', '.join(get_args(Language))}, got {language!r}.")
    return (lambda text: CHINESE.get(text, text)) if language == "zh" else (lambda text: text)
