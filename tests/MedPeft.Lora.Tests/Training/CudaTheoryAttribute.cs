namespace MedPeft.Lora.Tests.Training;

/// <summary>A test that a machine without a CUDA device leaves out, by name.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CudaTheoryAttribute : TheoryAttribute
{
    public CudaTheoryAttribute()
    {
        if (!torch.cuda.is_available()) Skip = "Needs a CUDA device.";
    }
}
