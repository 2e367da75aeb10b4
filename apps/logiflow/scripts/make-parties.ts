/** Writes data/{depots,trucks,customers}.json. All companies are invented; ids carry valid check digits of numbers not in use. */
import { writeFileSync } from 'node:fs'
import { places } from '../domain/roads/places.ts'
import { belgianBban, ibanFor } from '../domain/values/iban.ts'
import { integerBetween, mulberry32, pick } from '../domain/values/random.ts'
import { belgianCheckDigits, dutchCheckDigit, luxembourgCheckDigits } from '../domain/values/vat-id.ts'

const random = mulberry32(20261101)
const digits = (count: number): string => Array.from({ length: count }, () => integerBetween(random, 0, 9)).join('')

/** name | street | postcode | place | tariff */
const CUSTOMERS: Readonly<Record<string, string>> = {
  NL: `Van Dijk Bloemen B.V.|Legmeerdijk 214|1432 KC|Aalsmeer|REEFER-2026
Brouwer & Zn. Bouwmaterialen B.V.|Waalhaven Zuidzijde 31|3089 JH|Rotterdam|STANDARD-2026
Maasdelta Koeling B.V.|Vareseweg 118|3047 AV|Rotterdam|REEFER-2026
Kaasmakerij De Rijpe Hoeve B.V.|Edisonweg 9|3442 AC|Woerden|REEFER-2026
Zuidplas Verpakkingen B.V.|Coenecoop 407|2741 PG|Waddinxveen|STANDARD-2026
Veluwe Papierhandel B.V.|Boogschutterstraat 42|7324 AG|Apeldoorn|STANDARD-2026
Tuinderij Westerhonk B.V.|Middel Broekweg 61|2675 KB|Naaldwijk|REEFER-2026
Peelland Machines B.V.|Lagedijk 3|5705 BX|Helmond|CONTRACT-2026
Hofstra Zuivel B.V.|Wetterwille 18|9207 BK|Drachten|REEFER-2026
Linge Fruit Coöperatie U.A.|Poppenbouwing 27|4191 NZ|Geldermalsen|REEFER-2026
Dommelvallei Elektro B.V.|Croy 14|5653 LD|Eindhoven|CONTRACT-2026
IJsselmeer Visafslag B.V.|Westhavenkade 5|8321 EH|Urk|REEFER-2026
Twentse Garenfabriek B.V.|Haaksbergerstraat 155|7554 PA|Hengelo|STANDARD-2026
Bakkerij Oudewater & Kind B.V.|Ringdijk 82|2871 BS|Gouda|STANDARD-2026
Scheldemond Chemie B.V.|Finlandweg 20|4538 BL|Terneuzen|CONTRACT-2026
Noorderzon Meubelen B.V.|Osloweg 77|9723 BK|Groningen|STANDARD-2026
Van der Velde Staal B.V.|Baanhoekweg 16|3313 LA|Dordrecht|CONTRACT-2026
Amstelgoed Dranken B.V.|Hornweg 101|1044 AN|Amsterdam|STANDARD-2026
De Groene Kas Kwekers B.V.|Violierenweg 12|2665 MV|Bergschenhoek|REEFER-2026
Limburgse Keramiek B.V.|Fregatweg 44|6222 NZ|Maastricht|STANDARD-2026
Boekendepot Vechtstroom B.V.|Savannahweg 60|3542 AW|Utrecht|STANDARD-2026
Brabant Banden Import B.V.|Ellen Pankhurststraat 8|5032 MD|Tilburg|CONTRACT-2026
Medisch Logistiek Rijnland B.V.|Zernikedreef 9|2333 CK|Leiden|STANDARD-2026
Ter Horst Landbouwtechniek B.V.|Nijverheidsweg 23|7071 CH|Lichtenvoorde|STANDARD-2026
Kempen Kartonnage B.V.|Meerheide 240|5521 DW|Eersel|STANDARD-2026
Flevo Aardappel B.V.|De Munt 31|8253 PM|Dronten|REEFER-2026
Zaanse Cacao B.V.|Symon Spiersweg 15|1506 RZ|Zaandam|CONTRACT-2026
Oosterhof Sanitair B.V.|Dollardweg 6|9641 MC|Veendam|STANDARD-2026
Vos & Partners Kantoorinrichting B.V.|Takkebijsters 52|4817 BL|Breda|STANDARD-2026
Achterhoek Houtbewerking B.V.|Rondweg 19|7102 JD|Winterswijk|STANDARD-2026
Noordkop Bollen B.V.|Fabriekskade 4|1784 RE|Den Helder|REEFER-2026
Rivierenland Plastics B.V.|Kellenseweg 38|4004 JD|Tiel|STANDARD-2026
Nijmeegs Glashuis B.V.|Energieweg 90|6541 CZ|Nijmegen|STANDARD-2026
Venlo Versexport B.V.|Venrayseweg 126|5928 RH|Venlo|REEFER-2026
Stichtse Tuinmeubelen B.V.|Kerkewijk 211|3904 JD|Veenendaal|STANDARD-2026
Salland Diervoeders B.V.|Hannoverstraat 33|7418 BT|Deventer|CONTRACT-2026`,
  BE: `Brouwerij Ter Dreef NV|Kanaalstraat 17|2900|Schoten|STANDARD-2026
Claes & De Wolf Textiel NV|Ghellinckstraat 5|8500|Kortrijk|STANDARD-2026
Verhaeghe Groenten BV|Diksmuidsesteenweg 402|8800|Roeselare|REEFER-2026
Chocolaterie Saint-Aubain SA|Rue de Fer 88|5000|Namur|REEFER-2026
Scheldekaai Terminals NV|Noorderlaan 611|2030|Antwerpen|CONTRACT-2026
Aciéries du Val Mosan SA|Quai du Halage 29|4400|Flémalle-Haute|CONTRACT-2026
Demeyere Keukens BV|Industrielaan 12|8770|Izegem|STANDARD-2026
Limburg Fruitveiling CV|Montenakenweg 71|3800|Sint-Truiden|REEFER-2026
Pharma Brabant Wallon SA|Avenue Einstein 6|1300|Wavre|CONTRACT-2026
Verstraete Vloeren BV|Kortrijksesteenweg 1042|9051|Gent|STANDARD-2026
Ateliers Delcourt SRL|Rue des Ateliers 14|7100|La Louvière|STANDARD-2026
Kempense Diamantgereedschap BV|Herentalsebaan 55|2440|Geel|STANDARD-2026
Les Eaux de la Hoëgne SA|Route du Val 3|4800|Verviers|STANDARD-2026
Dujardin Emballages SA|Chaussée de Lille 190|7500|Tournai|STANDARD-2026
Waasland Distributie NV|Industriepark-West 48|9100|Sint-Niklaas|CONTRACT-2026
Mechelse Muziekacademie VZW|Melaan 20|2800|Mechelen|STANDARD-2026
Banque Alimentaire du Borinage ASBL|Rue du Charbonnage 8|7000|Mons|STANDARD-2026
Leuvens Theaterdepot VZW|Vaartkom 39|3000|Leuven|STANDARD-2026`,
  LU: `Caves Muller-Reding S.à r.l.|Rue de Bonnevoie 112|L-1260|Luxembourg|STANDARD-2026
Minett Metallbau S.à r.l.|Boulevard Kennedy 27|L-4170|Esch-sur-Alzette|STANDARD-2026
Luxpaper Distribution S.A.|Rue de Hollerich 64|L-1740|Luxembourg|CONTRACT-2026
Laiterie du Gutland S.A.|Route de Thionville 150|L-2610|Luxembourg|REEFER-2026
Dudelange Composites S.A.|Rue de la Libération 33|L-3511|Dudelange|CONTRACT-2026
Kooperativ Gromperenhaff S.C.|Rue d'Audun 9|L-4018|Esch-sur-Alzette|STANDARD-2026`,
}

const dutchVatId = (): string => {
  const body = `99${digits(6)}`
  const check = dutchCheckDigit(body)
  return check === null ? dutchVatId() : `NL${body}${check}B01`
}
const vatIdFor: Readonly<Record<string, () => string>> = {
  NL: dutchVatId,
  BE: () => {
    const body = `099${digits(5)}`
    return `BE${body}${belgianCheckDigits(body)}`
  },
  LU: () => {
    const body = `99${digits(4)}`
    return `LU${body}${luxembourgCheckDigits(body)}`
  },
}
/** VSTB, 990 and 999 belong to no bank. */
const ibanIn: Readonly<Record<string, () => string>> = {
  NL: () => ibanFor('NL', `VSTB${digits(10)}`),
  BE: () => ibanFor('BE', belgianBban(`990${digits(7)}`)),
  LU: () => ibanFor('LU', `999${digits(13)}`),
}
const LOCALES: Readonly<Record<string, string>> = {
  NL: 'nl-NL',
  BE: 'nl-BE',
  LU: 'fr-LU',
}
const NO_VAT_ID = /VZW|ASBL/
const FRENCH = /\b(SA|SRL|ASBL)$/

const idOf = (name: string, country: string): string => {
  const place = places.find((candidate) => candidate.name === name && candidate.country === country)
  if (place === undefined) throw new Error(`${name} (${country}) is not among the places`)
  return place.placeId
}

const customers = Object.entries(CUSTOMERS)
  .flatMap(([country, text]) => text.split('\n').map((line) => [country, ...line.split('|')] as string[]))
  .map(([country = '', name = '', street = '', postcode = '', city = '', tariffId = ''], index) => ({
    customerId: `C-${String(index + 1).padStart(4, '0')}`,
    name,
    street,
    postcode,
    placeId: idOf(city, country),
    locale: country === 'BE' && FRENCH.test(name) ? 'fr-BE' : LOCALES[country],
    vatId: NO_VAT_ID.test(name) ? null : (vatIdFor[country]?.() ?? null),
    iban: ibanIn[country]?.(),
    tariffId,
    paymentTermDays: tariffId.startsWith('CONTRACT') ? 30 : 14,
  }))

const DEPOTS: readonly (readonly [string, string, string, number])[] = [
  ['RTM', 'Rotterdam', 'NL', 10],
  ['UTC', 'Utrecht', 'NL', 7],
  ['EIN', 'Eindhoven', 'NL', 7],
  ['ANR', 'Antwerpen', 'BE', 8],
  ['LGG', 'Liège', 'BE', 5],
  ['LUX', 'Luxembourg', 'LU', 3],
]
const depots = DEPOTS.map(([depotId, city, country]) => ({
  depotId,
  placeId: idOf(city, country),
}))

const letters = (count: number): string =>
  Array.from({ length: count }, () => pick(random, [...'BDFGHJKLNPRSTVXZ'])).join('')
const plateIn: Readonly<Record<string, () => string>> = {
  NL: () => `${integerBetween(random, 10, 99)}-B${letters(2)}-${integerBetween(random, 1, 9)}`,
  BE: () => `2-${letters(3)}-${integerBetween(random, 100, 999)}`,
  LU: () => `${letters(2)} ${integerBetween(random, 1000, 9999)}`,
}
const CLASS_CYCLE = ['ARTIC', 'ARTIC', 'REEFER', 'RIGID', 'ARTIC']
const trucks = DEPOTS.flatMap(([depotId, , country, count]) =>
  Array.from({ length: count }, () => ({ depotId, country })),
).map(({ depotId, country }, index) => ({
  truckId: `TRK-${String(index + 1).padStart(2, '0')}`,
  driverId: `DRV-${String(index + 1).padStart(2, '0')}`,
  depotId,
  plate: plateIn[country]?.(),
  truckClass: CLASS_CYCLE[index % CLASS_CYCLE.length],
}))

for (const [name, rows] of Object.entries({ depots, trucks, customers })) {
  const lines = rows.map((row) => JSON.stringify(row)).join(',\n')
  writeFileSync(new URL(`../data/${name}.json`, import.meta.url), `[\n${lines}\n]\n`)
}
