namespace MedPeft.Lora.Studies;

/// <summary>How a call to run a cell ended, where no error ended it.</summary>
public enum CellOutcome
{
    /// <summary>It ran to its end.</summary>
    Done,

    /// <summary>Its result was there already; nothing was done.</summary>
    WasDone,

    /// <summary>Another process works on it.</summary>
    Locked,

    /// <summary>It was asked to stop, and saved; it goes on when it is run again.</summary>
    Stopped,
}
