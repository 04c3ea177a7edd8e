namespace MedPeft.Lora.Studies;

/// <summary>When, where and how fast a cell ran: what differs between equal runs, and so lies beside its result, not in it.</summary>
/// <param name="TrainingSeconds">Training and validation; all parts of a run that was interrupted added up.</param>
/// <param name="ScoringSeconds">Test images and statistics.</param>
/// <param name="ImagesPerSecond">Median training speed over the epochs.</param>
/// <param name="PeakMemoryBytes">Most main memory that the process held.</param>
/// <param name="Starts">How often it was started.</param>
/// <param name="Device">Where it computed.</param>
/// <param name="Library">Version of MedPeft.Lora.</param>
/// <param name="TorchSharp">Version of TorchSharp.</param>
/// <param name="Runtime">Version of .NET.</param>
/// <param name="System">Operating system and architecture.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="Finished">When it ended, UTC.</param>
public sealed record CellTiming(
    double TrainingSeconds, double ScoringSeconds, double ImagesPerSecond, long PeakMemoryBytes, int Starts, string Device,
    string Library, string TorchSharp, string Runtime, string System, int Cores, DateTime Finished);
