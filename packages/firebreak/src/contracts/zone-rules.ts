/** What the clocks of a time zone show: production asks the rules that came with Node, tests may make up a night. */
export interface ZoneRules {
  /** How far the zone is ahead of UTC at this instant, in minutes; negative in the west. A fraction only long ago. */
  offsetMinutesAt(instantMs: number): number
}
