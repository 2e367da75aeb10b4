import { draw } from './dom.js'

const WIDTH = 560
const EDGE = 14
const NAMED = new Set([
  'Amsterdam',
  'Rotterdam',
  'Utrecht',
  'Eindhoven',
  'Groningen',
  'Zwolle',
  'Antwerpen',
  'Gent',
  'Brugge',
  'Liège',
  'Luxembourg',
  'Brussels',
  'Maastricht',
  'Breda',
  'Arnhem',
  'Namur',
  'Leeuwarden',
])

/** North up; a degree of longitude is as wide as it is in the middle of the region. */
function projection(places) {
  const lats = places.map(([, , , lat]) => lat)
  const lons = places.map(([, , , , lon]) => lon)
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)]
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180)
  const scale = (WIDTH - 2 * EDGE) / ((east - west) * squeeze)
  return {
    height: Math.round((north - south) * scale + 2 * EDGE),
    at: (lat, lon) => [EDGE + (lon - west) * squeeze * scale, EDGE + (north - lat) * scale],
  }
}

/** Their right side is taken. */
const LEFT_OF = new Set(['Leeuwarden', 'Gent', 'Brugge', 'Rotterdam'])
const TRUCK = 'M0 -8.5L6.2 7.2L0 4.2L-6.2 7.2Z'

/** Something that is as large on a small map as on a large one. */
const placed = (x, y, element) =>
  draw('g', { transform: `translate(${x} ${y})` }, draw('g', { class: 'same-size' }, element))

/** Tells the style how many units of the drawing a pixel is. */
function keepReadable(svg, height) {
  const measure = () => {
    const { width: across, height: down } = svg.getBoundingClientRect()
    const scale = Math.min(across / WIDTH, down / height)
    if (scale > 0) svg.style.setProperty('--pixel', (1 / scale).toFixed(3))
  }
  new ResizeObserver(measure).observe(svg)
  measure()
}

const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

/** Names of places give way to those of the chosen route. */
function uncover(names, stops) {
  const taken = stops.map((stop) => stop.getBoundingClientRect())
  for (const name of names.querySelectorAll('text')) {
    name.classList.remove('covered')
    const own = name.getBoundingClientRect()
    name.classList.toggle(
      'covered',
      taken.some((one) => meets(one, own)) || stops.some(({ textContent }) => textContent === name.textContent),
    )
  }
}

/** Corridors, depots, moving trucks and the chosen route. */
export function createMap(svg, data, onTruck) {
  const places = new Map(data.places.map(([id, name, , lat, lon]) => [id, { name, lat, lon }]))
  const { at, height } = projection(data.places)
  const point = (id) => {
    const place = places.get(String(id))
    return at(place.lat, place.lon).map((value) => value.toFixed(1))
  }
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${height}`)
  const roads = data.edges.map(([from, to]) => `M${point(from)}L${point(to)}`).join('')
  const [ground, chosen, fleet, names, stopNames] = Array.from({ length: 5 }, () => draw('g'))
  ground.append(draw('path', { class: 'roads', d: roads }))
  const isDepot = new Set(data.depots.map(({ placeId }) => placeId))
  for (const id of isDepot) {
    const [x, y] = point(id)
    ground.append(draw('rect', { class: 'depot', x: x - 3.5, y: y - 3.5, width: 7, height: 7, rx: 1.5 }))
  }
  for (const [id, { name }] of places) {
    if (!NAMED.has(name)) continue
    const [x, y] = point(id)
    const beside = LEFT_OF.has(name) ? { x: -7, y: 4, 'text-anchor': 'end' } : { x: 7, y: 4 }
    names.append(placed(x, y, draw('text', { class: 'place-name', ...beside }, name)))
  }
  // Names on top: trucks pass below them.
  svg.append(ground, chosen, fleet, names, stopNames)
  keepReadable(svg, height)
  const trucks = new Map()

  return {
    trucks(list) {
      for (const { truckId, plate, geo, headingDeg, speedKmh } of list) {
        let truck = trucks.get(truckId)
        if (truck === undefined) {
          truck = draw('g', { class: 'truck' })
          truck.append(draw('path', { d: TRUCK }), draw('title', {}, plate))
          truck.addEventListener('click', () => onTruck(truckId))
          trucks.set(truckId, truck)
          fleet.append(truck)
        }
        const [x, y] = at(geo.lat, geo.lon)
        truck.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) rotate(${headingDeg}deg)`
        truck.classList.toggle('idle', speedKmh < 5)
      }
    },
    choose(route) {
      for (const [truckId, truck] of trucks) truck.classList.toggle('chosen', truckId === route?.truckId)
      chosen.replaceChildren()
      stopNames.replaceChildren()
      uncover(names, [])
      if (route === null || route === undefined) return
      chosen.append(draw('path', { class: 'route', d: `M${route.ids.map(point).join('L')}` }))
      for (const { placeId, name } of route.stops) {
        const [x, y] = point(placeId)
        chosen.append(draw('circle', { class: 'stop', cx: x, cy: y, r: 5 }))
        const isRight = Number(x) > WIDTH * 0.7
        const beside = { x: isRight ? -10 : 10, y: 4, 'text-anchor': isRight ? 'end' : 'start' }
        stopNames.append(placed(x, y, draw('text', { class: 'stop-name', ...beside }, name)))
      }
      uncover(names, [...stopNames.querySelectorAll('text')])
    },
  }
}
