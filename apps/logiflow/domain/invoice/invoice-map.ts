import { network } from '../roads/network.ts'
import type { Route } from '../roads/route.ts'
import { planar } from '../values/geo.ts'
import type { Geo } from '../values/units.ts'

type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
type Point = readonly [number, number]
type Projection = (geo: Geo) => Point

const PADDING = 22
const CORRIDOR = '#d8dee6'
const EMPTY_LEG = '#7b8794'
const LOADED_LEG = '#c2410c'
const INK = '#1f2933'

/** Equirectangular about the middle of the route, same scale both ways, centred in the box. */
const fitTo = (points: readonly Geo[], box: Box): Projection => {
  const origin = points[0] ?? { lat: 0, lon: 0 }
  const flat = points.map((point) => planar(point, origin))
  const [xs, ys] = [flat.map((point) => point.xM), flat.map((point) => point.yM)]
  const [west, east, south, north] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = Math.min(
    (box.width - 2 * PADDING) / Math.max(1, east - west),
    (box.height - 2 * PADDING) / Math.max(1, north - south),
  )
  return (geo) => {
    const { xM, yM } = planar(geo, origin)
    return [
      box.x + box.width / 2 + (xM - (west + east) / 2) * scale,
      box.y + box.height / 2 - (yM - (south + north) / 2) * scale,
    ]
  }
}

const drawLine = (doc: PDFKit.PDFDocument, points: readonly Point[]): void => {
  for (const [index, [x, y]] of points.entries()) {
    if (index === 0) doc.moveTo(x, y)
    else doc.lineTo(x, y)
  }
}

const drawCorridors = (doc: PDFKit.PDFDocument, box: Box, project: Projection): void => {
  const isNear = ([x, y]: Point): boolean =>
    x > box.x - PADDING && x < box.x + box.width + PADDING && y > box.y - PADDING && y < box.y + box.height + PADDING
  for (const edge of network.edges) {
    const ends = [edge.from, edge.to].map((id) => project(network.place(id).geo))
    if (ends.some(isNear)) drawLine(doc, ends)
  }
  doc.lineWidth(0.6).stroke(CORRIDOR)
}

/** Splits the line at the first and the last stop: before and after them the truck runs empty or on its own account. */
const drawRoute = (doc: PDFKit.PDFDocument, route: Route, project: Projection): void => {
  const { ids } = route.geometry
  const points = ids.map((id) => project(network.place(id).geo))
  const stopIds = route.stops.map((stop) => Number(stop.place.placeId))
  const first = Math.max(0, ids.indexOf(stopIds[0] ?? -1))
  const last = stopIds.reduce((from, id) => Math.max(from, ids.indexOf(id, from)), first)
  drawLine(doc, points.slice(0, first + 1))
  drawLine(doc, points.slice(last))
  doc.lineWidth(1).dash(3, { space: 2.5 }).stroke(EMPTY_LEG).undash()
  drawLine(doc, points.slice(first, last + 1))
  doc.lineWidth(2.2).lineJoin('round').stroke(LOADED_LEG)
  const [x, y] = points[0] ?? [0, 0]
  doc.circle(x, y, 2.5).fill(EMPTY_LEG)
}

const drawStops = (doc: PDFKit.PDFDocument, route: Route, project: Projection): void => {
  doc.fontSize(7)
  for (const stop of route.stops) {
    const [x, y] = project(stop.place.geo)
    const label = String(stop.seq)
    doc.circle(x, y, 6).lineWidth(1.2).fillAndStroke('#ffffff', LOADED_LEG)
    doc.fillColor(INK).text(label, x - doc.widthOfString(label) / 2, y - 4.2, { lineBreak: false })
    doc.text(stop.place.name, x + 9, y - 4.2, { lineBreak: false })
  }
}

/** The route on the schematic corridors around it. */
export const drawInvoiceMap = (doc: PDFKit.PDFDocument, route: Route, box: Box): void => {
  const project = fitTo(
    route.geometry.ids.map((id) => network.place(id).geo),
    box,
  )
  doc.save()
  doc.roundedRect(box.x, box.y, box.width, box.height, 4).fill('#f7f9fb')
  doc.roundedRect(box.x, box.y, box.width, box.height, 4).clip()
  drawCorridors(doc, box, project)
  drawRoute(doc, route, project)
  drawStops(doc, route, project)
  doc.restore()
  doc.roundedRect(box.x, box.y, box.width, box.height, 4).lineWidth(0.6).stroke(CORRIDOR)
}
