//! Who takes part: which pages there are, whose, and in which process each lives.

/// The pages of a run, by number: visitors' first, then agents'.
pub struct Cast {
    /// Visitors. Each has one conversation of the same number.
    pub people: usize,
    /// Whose page each of the visitors' pages is; the last ones are second tabs of the first people.
    pub pages: Vec<usize>,
    /// The conversations that each agent has open.
    pub desks: Vec<Vec<usize>>,
    /// Processes, each of which sleeps and has its bad line for itself.
    pub processes: usize,
}

impl Cast {
    /// For so many pages: three in five are visitors', one in six of these is a second tab.
    pub fn of(clients: usize) -> Self {
        let visitors = clients * 3 / 5;
        let agents = clients - visitors;
        let people = visitors - visitors / 6;
        // Neighbours share a conversation, and every conversation lies on somebody's desk.
        let open = people.div_ceil(agents) + 1;
        let desk = |agent| {
            let first = agent * people / agents;
            let mut desk: Vec<_> = (first..first + open).map(|n| n % people).collect();
            desk.sort_unstable();
            desk.dedup();
            desk
        };
        Self {
            people,
            pages: (0..visitors).map(|page| page % people).collect(),
            desks: (0..agents).map(desk).collect(),
            processes: if clients < 10 { 2 } else { 4 },
        }
    }

    /// The number of an agent's page.
    pub fn page_of_agent(&self, agent: usize) -> usize {
        self.pages.len() + agent
    }

    /// How many pages there are.
    pub fn clients(&self) -> usize {
        self.pages.len() + self.desks.len()
    }

    /// Where a page lives; tabs of one browser together.
    pub fn process_of(&self, page: usize) -> usize {
        let of = match self.pages.get(page) {
            Some(person) => *person,
            None => page - self.pages.len(),
        };
        of % self.processes
    }
}
