"""Letters of other scripts that look like Latin ones, as in Unicode's confusables (UTS 39), reduced to letters."""

_FORMS = {
    # Cyrillic, Greek, Armenian, Coptic, Cherokee and Lisu.
    "a": "аαⲁ",
    "b": "ьвꮟꓐ",
    "c": "сϲⲥᲃ",
    "d": "ԁꓓꮷ",
    "e": "еҽє",
    "f": "ꓝք",
    "g": "ԍցꓖ",
    "h": "һհнꓧ",
    "i": "іιⲓꙇꭵ",
    "j": "јϳյꓙ",
    "k": "кκⲕꓗ",
    "l": "ӏլꓡ",
    "m": "мⲙꓟ",
    "n": "ոռηⲛꓠ",
    "o": "оοօⲟσ",
    "p": "рρⲣꓑ",
    "q": "ԛզգ",
    "r": "гꓣ",
    "s": "ѕꓢ",
    "t": "тτⲧꓔ",
    "u": "սυꓴ",
    "v": "ѵνꓦ",
    "w": "ԝωաѡꓪ",
    "x": "хχⲭꓫ",
    "y": "уγүꓬ",
    "z": "ꓜ",
}
_CAPITALS = {
    "A": "АΑᎪꓮ",
    "B": "ВΒᏴ",
    "C": "СϹⲤᏟꓚ",
    "D": "Ꭰ",
    "E": "ЕΕᎬꓰ",
    "G": "Ꮐ",
    "H": "НΗᎻ",
    "I": "ІΙӀꓲ",
    "J": "ЈᎫ",
    "K": "КΚᏦ",
    "L": "Ꮮ",
    "M": "МΜᎷ",
    "N": "Ν",
    "O": "ОΟՕꓳ",
    "P": "РΡᏢ",
    "R": "ᎡᏒ",
    "S": "ЅՏᏚ",
    "T": "ТΤᎢ",
    "V": "ᏙѴ",
    "W": "ᎳᏔ",
    "X": "ХΧ",
    "Y": "УΥҮᎽ",
    "Z": "ΖᏃ",
}
# Latin letters with a stroke, a hook or in small capitals, which Unicode normalisation keeps.
_LATIN = {
    "a": "ɑᴀ",
    "b": "ƀɓʙᏼ",
    "c": "ᴄƈ",
    "d": "đɗɖᴅ",
    "e": "ɛᴇ",
    "f": "ƒꜰ",
    "g": "ɡɢɠǥ",
    "h": "ħɦʜ",
    "i": "ıɩɪɨ",
    "j": "ɟᴊȷɉ",
    "k": "ƙᴋ",
    "l": "łʟɫƚ",
    "m": "ᴍɱ",
    "n": "ŋɲɴƞ",
    "o": "øɵᴏ",
    "p": "ƥᴘᵽ",
    "q": "ʠꞯ",
    "r": "ɾʀɽ",
    "s": "ʂꜱ",
    "t": "ŧƭᴛʈ",
    "u": "ʉᴜ",
    "v": "ʋᴠ",
    "w": "ɯᴡ",
    "y": "ɏʏƴ",
    "z": "ʐᴢƶ",
}
_ENCLOSED = {0x1F150: "A", 0x1F170: "A"}

LATIN = {
    ord(form): letter
    for table in (_FORMS, _CAPITALS, _LATIN)
    for letter, forms in table.items()
    for form in forms
} | {first + i: chr(ord(letter) + i) for first, letter in _ENCLOSED.items() for i in range(26)}
"""Table for `str.translate` from each look-alike to its Latin letter."""
