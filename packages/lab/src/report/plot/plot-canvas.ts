import type * as Plot from '@observablehq/plot'
import { FirebreakError } from 'firebreak/internal'

/** Observable Plot on a document of its own. */
export interface Canvas {
  readonly plot: typeof Plot
  /** Draws at a width of 420 units; the page scales it, and sets fonts and colours. */
  readonly svg: (options: Plot.PlotOptions) => string
}

/** **Units** of the drawing: with a screen of 360 px a letter of 13 units is 10 px high. */
const plotWidth = 420

/** Sizes of one of several drawings that share an x axis; only the last has room for its label. */
export function stacked(height: number, isLast: boolean): { readonly height: number; readonly marginBottom: number } {
  return isLast ? { height: height + 16, marginBottom: 38 } : { height, marginBottom: 22 }
}

/** Loads what draws. **Errors** `FB_CONFIG` when it is not installed */
export async function openCanvas(): Promise<Canvas> {
  const [plot, { parseHTML }] = await peers()
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = (options: Plot.PlotOptions): string => {
    const x = { labelAnchor: 'right', labelArrow: 'none', ...options.x }
    const y = { labelArrow: 'none', ...options.y }
    const drawn = plot.plot({ ...frame, ...options, x, y, document } as Plot.PlotOptions)
    return inPage(drawn.outerHTML)
  }
  return { plot, svg }
}

// Room for letters of 13 units.
const frame = { width: plotWidth, marginLeft: 50, marginRight: 16, marginTop: 22, marginBottom: 38 } as const

async function peers(): Promise<[typeof Plot, typeof import('linkedom')]> {
  try {
    return await Promise.all([import('@observablehq/plot'), import('linkedom')])
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    const problems =
      'the HTML report draws with @observablehq/plot and linkedom, and one of them is not installed.\n' +
      'Run: npm install --save-dev @observablehq/plot@^0.6.17 linkedom@^0.18.12'
    throw new FirebreakError('FB_CONFIG', { problems }, cause)
  }
}

/** Drops what the page says itself: size, fonts, a style per drawing, and names of parts that no reader needs. */
function inPage(svg: string): string {
  const drawing = svg
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/ aria-(?:label|hidden)="[^"]*"/g, '')
    .replace(
      /^<svg [^>]*?viewBox="([^"]*)"[^>]*>/,
      '<svg class="plot" viewBox="$1" aria-hidden="true" focusable="false">',
    )
    // Hundredths of a unit cannot be seen.
    .replace(/ (?:d|transform|[xy][12]?|c[xy]|width|height)="[^"]*"/g, (place) =>
      place.replace(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1)))),
    )
  return drawing
}
