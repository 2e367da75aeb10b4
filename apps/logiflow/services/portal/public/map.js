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
const SVG = 'http://www.w3.org/2000/svg'

function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  if (text !== undefined) element.textContent = text
  return element
}

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
  const [ground, chosen, fleet] = ['g', 'g', 'g'].map((tag) => shape(tag, {}))
  ground.append(shape('path', { class: 'roads', d: roads }))
  const isDepot = new Set(data.depots.map(({ placeId }) => placeId))
  for (const id of isDepot) {
    const [x, y] = point(id)
    ground.append(shape('rect', { class: 'depot', x: x - 3.5, y: y - 3.5, width: 7, height: 7, rx: 1.5 }))
  }
  for (const [id, { name }] of places) {
    if (!NAMED.has(name)) continue
    const [x, y] = point(id)
    ground.append(shape('text', { class: 'place-name', x: Number(x) + 7, y: Number(y) + 4 }, name))
  }
  svg.append(ground, chosen, fleet)
  const trucks = new Map()

  return {
    trucks(list) {
      for (const { truckId, plate, geo, headingDeg, speedKmh } of list) {
        let truck = trucks.get(truckId)
        if (truck === undefined) {
          truck = shape('g', { class: 'truck' })
          truck.append(shape('path', { d: 'M0 -8.5L6.2 7.2L0 4.2L-6.2 7.2Z' }), shape('title', {}, plate))
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
      if (route === null || route === undefined) return
      chosen.append(shape('path', { class: 'route', d: `M${route.ids.map(point).join('L')}` }))
      for (const { placeId, name } of route.stops) {
        const [x, y] = point(placeId)
        chosen.append(shape('circle', { class: 'stop', cx: x, cy: y, r: 5 }))
        const isRight = Number(x) > WIDTH * 0.7
        chosen.append(
          shape(
            'text',
            {
              class: 'stop-name',
              x: Number(x) + (isRight ? -10 : 10),
              y: Number(y) + 4,
              'text-anchor': isRight ? 'end' : 'start',
            },
            name,
          ),
        )
      }
    },
  }
}
