import { type Corridors, createCorridors } from './corridors.ts'
import { places } from './places.ts'

/** Corridors of the whole region; built once when the module loads. */
export const network: Corridors = createCorridors(places)
