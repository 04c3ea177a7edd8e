// Layers draw from torch's one global generator, and torch itself uses all cores: tests side by side would disturb each other and gain nothing.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
