"""The mistakes of a pack in Chinese: its rules say them in English, as `whistlectl` prints them.

`{0}` stands for what stood in the sentence; a sentence within another one (`{0:said}`) is told by this table too.
"""

import re
from functools import cache

from whistle_shared.web import said

TABLE: tuple[tuple[str, str], ...] = (
    # one cell
    (
        "{0} is not a code: letters, digits, '.', '_' and '-', at most 32",
        "{0} 不是代码：只能用字母、数字、“.”“_”“-”，最多 32 个",
    ),
    ("{0} is not a code: letters, digits and '_', at most 16", "{0} 不是代码：只能用字母、数字、“_”，最多 16 个"),
    (
        "{0} is not an instance: small letters, digits and '_', at most 31",
        "{0} 不是实例名：只能用小写字母、数字、“_”，最多 31 个",
    ),
    ("{0} is not true or false", "{0} 应为 true 或 false"),
    ("{0} is not a rung from 1 to 9", "{0} 不是 1 到 9 的级"),
    ("{0} is not hours such as 22:00-07:00", "{0} 不是时段，应如 22:00-07:00"),
    ("{0} is not one of {1}", "{0} 不对，只能是：{1}"),
    ("{0}; several are parted by ';'", "{0:said}；多个用分号隔开"),
    ("{0} is named twice", "{0} 写了两次"),
    ("{0} is not a whole number from {1} to {2}", "{0} 不是 {1} 到 {2} 的整数"),
    ("{0} ends when it begins", "{0} 起止相同"),
    ("{0} has one character; a word needs two", "{0} 只有一个字，词至少两个字"),
    (
        "{0} is not a weight: a number above 0, at most 100, such as 1.5",
        "{0} 不是权重，应为大于 0、不超过 100 的数，如 1.5",
    ),
    ("must be text that is not empty", "不能为空"),
    ("is longer than {0} characters", "超过 {0} 个字符"),
    ("contains a control character ({0})", "含有控制字符（{0}）"),
    ("contains an invisible character ({0})", "含有看不见的字符（{0}）"),
    ("contains half a character ({0})", "含有残缺的字符（{0}）"),
    ("contains a line break ({0})", "含有换行（{0}）"),
    # limits and ladders
    ("only a row with a role takes a clock away; leave the cell empty", "只有分身份的行才能取消时限，这里请留空"),
    ("this clock must have a limit", "必须有时限"),
    ("must be given in the row of all roles", "“所有身份”的行必须写明"),
    ("a limit to arrive needs a presence other than none", "有报到时限的，到场方式不能是“无需到场”"),
    ("does not differ by role; leave the cell empty", "不分身份，请留空"),
    ("no row for all roles has {0} with {1}", "没有 {0}、{1} 的“所有身份”行"),
    ("{0} has {1} and {2} but not {3}", "{0} 有 {1} 和 {2}，但缺 {3}"),
    ("role {0} has another name on an earlier line", "岗位 {0} 在前面的行用了别的名称"),
    ("side {0} has no rung", "{0} 一侧一级也没有"),
    ("is needed where {0} is given", "写了 {0} 就必须写"),
    ("rung {0} of this side is missing", "这一侧缺第 {0} 级"),
    ("{0} may come before the rung below, {1}", "{0} 可能早于下一级的 {1}"),
    (
        "may come before the rung below, which waits from {0} to {1}: give both the same",
        "可能早于下一级（{0} 至 {1} 免扰）：两级请写成一样",
    ),
    ("role {0} is rung {1} of this side already", "岗位 {0} 已是这一侧的第 {1} 级"),
    # one table and another
    ("{0} is there already, in row {1}", "{0} 已经有了，在第 {1} 行"),
    ("no row of {0} has {1} with {2}", "时限表里没有 {1}、{2}"),
    ("what was taken back needs its department", "部门收回的事项必须写明部门"),
    ("sub-category {0} is not in categories", "没有类别 {0}"),
    ("street {0} is not in streets", "没有街道 {0}"),
    ("grid {0} is not in grids", "没有网格 {0}"),
    ("department {0} is not in departments", "没有部门 {0}"),
    ("department {0} is not active", "部门 {0} 已停用"),
    (
        "{0} is in neither departments nor streets, and is not district",
        "{0} 既不是部门，也不是街道，也不是 district（区）",
    ),
    (
        "role {0} is neither handler nor section_head nor a role of ladders",
        "岗位 {0} 不是 handler、section_head，也不在升级阶梯里",
    ),
    ("grid {0} belongs to street {1}", "网格 {0} 属于街道 {1}"),
    ("assisting departments need a lead", "有协办就必须有主办"),
    ("{0} is the lead already", "{0} 已是主办"),
    (
        "no service of this name serves departments yet: whoever sets it up loads it with whistlectl",
        "还没有这个名字的服务实例：由部署它的人用 whistlectl 装入",
    ),
    # settings
    ("is not a known key", "没有这个参数"),
    ("must be a table of settings", "应为一组参数"),
    ("{0} is not a number that can be reckoned with", "{0} 不是能计算的数"),
    ("{0} is wrong: {1}", "{0} 不对：{1:said}"),
    ("input should be a valid integer", "应为整数"),
    ("input should be a valid number", "应为数字"),
    ("input should be a valid string", "应为文字"),
    ("input should be greater than or equal to {0}", "不能小于 {0}"),
    ("input should be less than or equal to {0}", "不能大于 {0}"),
    ("input should be {0}", "只能是 {0}"),
    ("the parts add up to {0}, not to 100", "各项合计 {0}，应为 100"),
    ("there must be a part named {0}: a veto makes it count 0", "必须有 {0} 一项：一票否决时计 0"),
    ("{0} add up to {1}, not to 1", "{0} 合计 {1}，应为 1"),
    ("{0} is above band_high, {1}", "{0} 高于上限 {1}"),
    ("is not a setting such as returning.decide_within", "不是参数名，应如 returning.decide_within"),
    # the calendar
    ("is neither windows nor start_rule", "只能是 windows 或 start_rule"),
    ("is not a year such as 2027", "不是年份，应如 2027"),
    ("{0} is not among the years", "{0} 不在年份里"),
    ("must be a list of years", "至少要有一年"),
    ("names a year twice", "有一年写了两次"),
    ('must be a list of windows such as "08:30-12:00"', "应为时段，如 08:30-12:00"),
    ('{0} is not a window such as "08:30-12:00"', "{0} 不是时段，应如 08:30-12:00"),
    ("window {0} must open before it closes, at 24:00 at the latest", "时段 {0} 起要早于止，最晚到 24:00"),
    ("window {0} overlaps the one before or is out of order", "时段 {0} 与前一段重叠或次序不对"),
    ('{0} is not a day such as "06-01"', "{0} 不是日子，应如 06-01"),
    ("{0} overlaps the season before or is out of order", "{0} 与前一季重叠或次序不对"),
    ("the season ends before it begins; over New Year it is two seasons", "末日早于首日；跨年请分成两段"),
    ("works {0} minutes a day, not {1} as the rest of the year", "每天工作 {0} 分钟，与全年的 {1} 分钟不同"),
    ("{0} is not a date such as 2027-01-01", "{0} 不是日期，应如 2027-01-01"),
    ("{0} is neither in {1} nor in the December before", "{0} 不在 {1} 年，也不在上一年 12 月"),
    ("{0} is listed twice", "{0} 列了两次"),
    ("name {0}", "名称{0:said}"),
    ("is missing", "没有写"),
    # a file
    ("has a header and no rows", "一行也没有"),
    ("has more than {0} rows", "超过 {0} 行"),
    ("this sheet is missing", "缺这张工作表"),
    ("this column is missing", "缺这一列"),
    ("this column is there twice", "这一列写了两次"),
    ("is not a known column", "没有这样的列"),
    ("is a formula or an error; write the value itself", "是公式或错误值，请直接写值"),
    ("cannot be read as a spreadsheet (.xlsx)", "不是能读的 .xlsx 表格"),
    ("is too large once it is unpacked", "解开之后太大"),
    ("holds a document type, which no spreadsheet needs", "含有表格用不到的文档类型声明"),
)
_HOLE = re.compile(r"\{\d\}")
_FILLED = re.compile(r"\{(\d)(:said)?\}")


def in_chinese(reason: str) -> str:
    """The reason in Chinese; as it is, when no sentence here or elsewhere is like it."""
    for pattern, told in _patterns():
        if found := pattern.fullmatch(reason):
            return _FILLED.sub(lambda hole: _filling(found[int(hole[1]) + 1], told_too=bool(hole[2])), told)
    return said(reason)


def _filling(text: str, *, told_too: bool) -> str:
    return in_chinese(text) if told_too else text.strip("'")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The most literal first, so that a sentence is not taken for a vaguer one."""
    ordered = sorted(TABLE, key=lambda entry: -len(_HOLE.sub("", entry[0])))
    return tuple((re.compile("(.+)".join(map(re.escape, _HOLE.split(english)))), told) for english, told in ordered)
