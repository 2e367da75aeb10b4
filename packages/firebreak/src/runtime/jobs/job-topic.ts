const start = 'jobs/'

/** The topic under which facts and dead letters name the jobs of a type; no topic of a log has a slash. */
export const jobTopic = (type: string): string => `${start}${type}`

export const isJobTopic = (topic: string): boolean => topic.startsWith(start)
