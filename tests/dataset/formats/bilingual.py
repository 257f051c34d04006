"""A small realistic data set in two languages: grades, quotes, punctuation, a passage that nobody judged."""

from __future__ import annotations

from llama_index_rerank_tuner.records import Passage, RerankExample

RULE = Passage("加计扣除比例为 100%，见“财税〔2023〕7号”第一条。", node_id="zh-1")
NOTICE = Passage("高新技术企业认定须提交 \\n 近三年审计报告 \u2028（原件）。", node_id="zh-2")
GRANT = Passage('Firms under 50 staff may apply for a "start-up" grant; see § 12(b).', node_id="en/1")
FORM = Passage("The form is AP-2, by 31 March — not AP-3.", node_id="en/2")
CORPUS = [RULE, NOTICE, GRANT, FORM, Passage("  Office hours: 9–17.  ", node_id="unjudged")]


def judged(passage: Passage, label: float) -> Passage:
    return Passage(passage.text, node_id=passage.node_id, label=label)


EXAMPLES = [
    RerankExample(
        "q-zh", "研发费用加计扣除的比例是多少？", positives=(judged(RULE, 1.0),), negatives=(judged(NOTICE, 0.0),)
    ),
    RerankExample(
        "q-en",
        "Who may apply for the 'start-up' grant?",
        positives=(judged(GRANT, 2.0), judged(FORM, 1.0)),
        negatives=(judged(RULE, 0.0),),
    ),
]
