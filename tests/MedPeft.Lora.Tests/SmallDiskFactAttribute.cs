namespace MedPeft.Lora.Tests;

/// <summary>A test on a <see cref="SmallDisk"/>, left out by name where none can be mounted.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute()
    {
        if (!SmallDisk.IsAllowed) Skip = "Needs the right to mount a small disk in memory: Linux and root.";
    }
}
