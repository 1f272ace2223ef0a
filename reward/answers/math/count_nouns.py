"""Tells words for counted things ("18 third graders") from words that change or judge the number."""

import re

from .units import is_known, is_plural

_JUDGEMENTS = (
    "fold infinity infinite incorrect false wrong true correct right impossible nope maybe perhaps possibly unless "
    "lies lie exclusive inclusive invalid valid error errors oops sorry wait actually nevermind scratch hmm"
)
_SCALES = (
    "pair pairs score scores mil mils couple couples gross mole myriad googol tens hundreds thousands millions "
    "billions trillions dozens percents percentile percentiles mille milliard milliards milliarde milliarden "
    "million millionen millones milhão milhões miljoen tausend hundert hundra tusen cien cientos ciento cento "
    "cem halb halbe medio media demi docena docenas douzaine prozent процент процента процентов тысяча тысячи "
    "тысяч тыс миллион миллиона миллионов млн миллиард миллиарда миллиардов млрд сто сотня сотен половина "
    "дюжина пол раз"
)
_CONNECTIVES = "oder und ou et ni nicht kein keine non pas não нет не или"
_SHAPES = "matrix matrices grid grids rectangle vector determinant"
_NOT_COUNTED = frozenset(f"{_JUDGEMENTS} {_SCALES} {_CONNECTIVES} {_SHAPES}".split())
_JUDGEMENT = re.compile(r"\w*(?:ble|less|ish|ive|ly|ful|fold|ed|ect|ity|est)")
_NOUNS_LIKE_JUDGEMENTS = (
    "dish radish wish finish table vegetable cable marble pebble bubble "
    "bed seed weed sled reed speed shed hundredweight city family butterfly firefly dragonfly jelly fly belly lily "
    "forest nest guest chest quest vest test contest harvest breast insect object project subject aspect hive beehive "
    "dive olive drive archive relative native detective unity university charity activity"
)
_NOUNS = frozenset(_NOUNS_LIKE_JUDGEMENTS.split())
_ORDINAL = re.compile(
    r"(?:third|half|halve|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|\w{2,8}teenth|\w{3,8}tieth"
    r"|hundredth|thousandth|\w{1,6}illionth)s?"
)
# Before these an ordinal is a rank rather than a fraction: 5 third graders, but 5 third cups.
_RANKED_WORDS = "grader graders grade class classes floor floors place places prize prizes generation year"
_RANKED = frozenset(_RANKED_WORDS.split())
_EACH = frozenset(("a", "an", "per", "each", "every", "total"))
_FOREIGN_WORD = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{1,8}")
_FOREIGN_VALUES = frozenset(
    "十百千万亿兆億萬半倍成分之点又或和与及不非无没负負余餘多几幾约約左右零〇一二两兩三四五六七八九双雙对對打至到折割以上下错錯误誤未"
    "만천백억십반배조"
)
_FOREIGN_UNITS = {
    **dict.fromkeys(("厘米", "公分"), "cm"),
    **dict.fromkeys(("千米", "公里"), "km"),
    **dict.fromkeys(("千克", "公斤"), "kg"),
    **dict.fromkeys(("小时", "小時", "時間", "시간"), "hours"),
    **dict.fromkeys(("分钟", "分鐘"), "minutes"),
    **dict.fromkeys(("秒", "초"), "seconds"),
    **dict.fromkeys(("天", "日", "일"), "days"),
    **dict.fromkeys(("元", "圆", "人民币", "块"), "yuan"),
    **dict.fromkeys(("円", "日元"), "yen"),
    **dict.fromkeys(("平方米", "平方公尺"), "m^2"),
    "米": "m",
    "毫米": "mm",
    "克": "g",
    "吨": "tonne",
    "升": "liters",
    "毫升": "ml",
    "美元": "dollars",
    "度": "degrees",
    "平方厘米": "cm^2",
    "立方厘米": "cm^3",
    "立方米": "m^3",
}


def counts(words: list[str]) -> bool:
    """Whether `words` name a counted or measured thing, rather than judge or scale the number before them.

    A word that no table holds must look like a noun. It must not be in a list of other words, and must not be
    capitalised without a plural. If no plural is among the words, it must not end like an adjective.
    """
    if any(word.casefold() in _NOT_COUNTED for word in words):
        return False
    unknown = [word for word in words if not is_known(word)]
    if any(map(is_plural, unknown)):
        return True
    if not all(word.islower() for word in unknown):
        return False
    return len(unknown) < len(words) or not any(map(_judges, unknown))


def _judges(word: str) -> bool:
    is_noun = word in _NOUNS or (word.endswith("fish") and word != "selfish")
    return _JUDGEMENT.fullmatch(word) is not None and not is_noun


def is_fraction(words: list[str]) -> bool:
    """Whether an ordinal among `words` makes parts of the number before it: "5 twelfths", "3 quarter cups"."""
    return any(
        _ORDINAL.fullmatch(word.casefold()) and (word.endswith("s") or follower.casefold() not in _RANKED)
        for word, follower in zip(words, [*words[1:], ""], strict=False)
    )


def without_comparison(words: list[str]) -> list[str]:
    """Drop words that would scale or compare a number elsewhere: "18 times a day", "18 more apples"."""
    is_frequency = words[:1] == ["times"] and (len(words) == 1 or words[1] in _EACH)
    is_difference = words[:1] in (["more"], ["fewer"]) and len(words) > 1 and is_plural(words[1])
    return words[is_frequency or is_difference :]


def foreign_unit(word: str) -> str | None:
    """Unit or counter named by a Chinese, Japanese or Korean word; None if the word may hold a number."""
    if not _FOREIGN_WORD.fullmatch(word):
        return None
    if word in _FOREIGN_UNITS:
        return _FOREIGN_UNITS[word]
    is_points = word == "分"
    return word if is_points or not set(word) & _FOREIGN_VALUES else None
