namespace MedPeft.Samples.Phantoms;

/// <summary>Everything that decides one phantom: the same case gives the same pixels, whatever the machine.</summary>
public sealed record PhantomCase
{
    /// <summary>Seed of the body: rib cage, heart, vessels. Shared by the images of one patient.</summary>
    public ulong Patient { get; init; }

    /// <summary>Seed of the exposure: pose, noise, and where the findings lie.</summary>
    public ulong Exposure { get; init; }

    /// <summary>What is to be seen.</summary>
    public Findings Findings { get; init; }

    /// <summary>Taken from the front in bed (AP) instead of standing (PA): larger heart, higher diaphragms, scapulae over the lungs, lines and electrodes.</summary>
    public bool Ap { get; init; }

    /// <summary>Female: smaller thorax, breast shadows.</summary>
    public bool Female { get; init; }

    /// <summary>Years; the aorta unfolds and bones thin with age.</summary>
    public int Age { get; init; } = 47;
}
