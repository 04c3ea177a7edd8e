namespace MedPeft.Lora.Studies;

/// <summary>How far a cell is.</summary>
public enum CellState
{
    /// <summary>Never started.</summary>
    Waiting,

    /// <summary>A process works on it.</summary>
    Running,

    /// <summary>Started, then stopped or killed; it goes on from its last checkpoint.</summary>
    Interrupted,

    /// <summary>Ended by an error that a repetition would meet again.</summary>
    Failed,

    /// <summary>Its result is there.</summary>
    Done,
}
