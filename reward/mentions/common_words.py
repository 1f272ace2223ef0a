"""Words that carry no fact of their own: function words, glue of worked solutions and everyday words.

The list is English, with the function words of four letters or more of German, French, Italian, Portuguese and Spanish.
Inflections of a word count as that word.
"""

from .stems import stem

_ENGLISH = """
able about above absence accept according accordingly accounted achieve across active activities actual add addition
adds adult affect after afterwards again against ages ago agree all allow almost alone along already also although
altogether always am among amongst amount an and animal annual another answer any anyone anything appear apply
approach april are area aren arise around arrive as associate assume at ate attach available average avoid aware
away back bake balance base basic basis batch be became because become been before began begin behind being believe
belong below beneath beside best better between beyond big bigger bill bit blocks body book born both bought boxes
break bring broad broken brought build burned but buy buys by calculate call came can cannot capable capacity carry
case catch caught cause central cents certain chance change chapter character charge cheaper check child children
choose class clear close clothes collect collection color combine come common compare complete complex compose
compute concept concern conclude condition connect consequence consider consist constant consume consumption contain
continue contrast contribute control convert correct correspond cost could couldn count course cover create cross
current customer cut daily day days decide decline decrease deduce deep define degree delivers delivery denominator
denote depend derive describe design desired detail determine develop diagram did didn differ different difficult
direct discount discuss distance distinct divide do does doesn doing dollar donated done double down dozens dr drank
drink drive driven drop drove due during each early earn earnings easy eat eaten effect eight either element else
embed emphasize employee enable end ends enough enter entire equal equation equivalent especially essential
establish estimate evaluate even event eventual ever every everyone everything evidence exact examine example except
exchange exist expect expenses expensive explain express expression extend extra extreme fact factor fail fall
familiar family famous far fast faster father feature feed feel fees feet fell females few fewer field fifteen fifth
fifty figure fill final find finish first five fix flow focus follow food foot footage for force form former formula
forward found four fourth fraction free frequent friday friend from full function fundamental further furthermore
gains gallon game gave general generate get gets give given go goal goes going gone good got gotten gradual great
greater grew ground group grow grown growth guest had hadn half halving hand handle happen hard has hasn have haven
he height held help hence her here herself high higher him himself his hold home hour house how however huge human
idea identify if illustrate image imagine immediate important improve in inches include income increase indeed
indicate individual infer influence information initial inner inside instance instead interest intervals into
involve is isn issue it item its itself join journey just keep kept kids kind know known label lack land large
larger last late later lays lead learn least leave led left leftover legs length less let letter level life light
like likewise limit line link list liter little live local locate long longer look lose lost lot low lower made main
maintain major make males man manner many mark mass material matter maximum may maybe me meal mean meanwhile measure
meet member men mention met method middle might mile mileage minimum minus minute missed mix model modern moment
monday money month more moreover most move movement mr mrs ms much multiple multiply multiplying must my myself name
narrow natural nature near necessary need negative neither never nevertheless new next night no nobody none nor
normal not notably notation note nothing notice now number object observe obtain obvious occur of off offer often
old older on once one ones only onto open opposite or order ordinary original other otherwise ounce our ours out
outer outside over overall owes own owned pack packages page paid painting pair parentheses part partial particular
pass past pattern pay payment pays people per percent percentage perform perhaps perimeter period person physical
picks picture piece place plan plant play players please plug plus point portion position positive possible
potential pound practice precise predict prefer presence present pressure prevent previous price primary principle
probability probably problem process produce product production prof profit proper property proportion protect prove
provide pull purchase purpose push put puts quality quantity quarter question quick quiet quite quotient raised ran
range rapid rate rather ratio reach read ready real reason recall recap receive recent recognize record reduce refer
refilled reflect region regular relate relative release remain remainder remember remove repeat replace represent
require respect respective respond rest result return reveal revenue rides right rise role room roughly round rows
rule run runs safe said salary sale same sample sat saturday save savings say scale score second section see seed
seek seem select sell send sense sent separate sequence series serve set sets seven several shall shape share she
shift shopping short shorter should shouldn show shown side sign significant similar simple simplify simply since
single six sixth size slice slight slow small smaller smooth so sold solid solution solve some someone something
sometimes somewhat soon sort source space speak special specific speed speeds spend spent split spread square st
stable stage stand standard start state statement stay step still stop store strong structure student study subject
substance substitute subtract succeed success such sudden suggest suitable sum summary sunday supplies support
suppose surface surround system table take taken tall target task tell ten tend term test text than that the their
them themselves then thence theory there thereby therefore these they thick thin thing think third thirty this those
though thought three threw through throughout throws thursday thus ticket till time tiny tips to today together too
took top total touch toward trains transfer translates travel treat trip triple true try tuesday turn twenty twice
two type typical ultimate under understand unique unit unknown unless unlike until up upon us use used uses using
usual value variable variety various vary verify version very via view visible visit volume wage wait walks want was
wasn watch way ways we wednesday week weekdays weekend weigh weight well went were weren what whatever when whenever
where whereas wherever whether which while who whoever whole whom whose why wide width will wins wish with within
without won wonder word work worker world worth would wouldn write written wrong year yes yet yield you young
younger your
"""
# Without accents, as `fold` gives them.
_OTHERS = """
abbiamo aber ainda alem algo algum algun alla alle allem allen aller alles allora alors altri altro ambos anche
ancora andere anderen ante antes apres aquela aquele aqui assim auch aunque aussi autre autres avant avec avere
avoir avons beim bereits cada cela celle celui cento ceux chaque chez comment como contra cosa cosi cual cuando
cuanto dabei dadurch dafur dalla dalle damit danach dann dans daraus darum dass davon dazu degli della delle dello
denn depois depuis deren desde deshalb despues dessen deux dies diese diesem diesen dieser dieses disso doch donc
donde dont dopo dort dove dunque durante durch egli eine einem einen einer eines einige elas eles ella ellas elle
elles ellos encore ensuite entao entonces entre eran erano ergibt essa esse essere esta estaba estan estao estar
estas estava este esto estos etaient etait etre euch faire fait fare fino fois foram fueron ganz gegen genau gibt
habe haben habia hace hacia hanno hasta hatte hatten hier ihre ihrem ihren ihrer immer infatti insgesamt invece isso
isto jede jedem jeden jeder jedes jetzt kann kein keine konnen leur leurs logo loro lorsque luego mais mehr mehrere
meme menos mesmo mientras mismo moins molto mucho muchos muito muitos mussen nach nachdem nada nella nelle nello
nicht noch nosotros nossa nosso nous nuestro numa obtient ogni ohne onde ossia otra otras otro otros outra outro
outros para parce parmi pela pelas pelo pelos pendant perche pero peut peuvent poco pode podem pois porque portanto
possono pour pourquoi prima puede pueden pues puis qual quale quali quand quando quanto quel quella quelle quello
quelques quem questa queste questi questo quien quindi sans schon segun sehr seine seinem seinen seiner seja selon
sempre senza sera seus siamo sich sido siempre sind sino sobre solo somit sono sont sous sowie stata stato suas
sulla suoi tambem tambien tanto temos tener tiene tienen tinha toda todas todo todos tous tout toute toutes tras
tres trois tutta tutte tutti tutto uber umas unas unos unter vers viele vielen votre vous wahrend waren weil weiter
welche welcher wenn werden wieder wird wurde wurden zuerst zusammen zwar zwischen
"""

FOREIGN_FUNCTION_WORDS = frozenset(stem(word) for word in _OTHERS.split())
"""Stems of the function words of four letters or more of the other languages."""
COMMON = frozenset(stem(word) for word in _ENGLISH.split()) | FOREIGN_FUNCTION_WORDS
"""Stems of the common words."""
