using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Training;

/// <summary>Tests of runs on the images of <see cref="TinyRun"/>: 28 to learn from, 20 to validate, in a folder of each test's own.</summary>
public abstract class TinyRunTest : IDisposable
{
    private protected readonly string _folder = Directory.CreateTempSubdirectory("medpeft").FullName;
    private protected readonly ImageDataset _train, _validation;

    private protected TinyRunTest()
    {
        _train = TinyRun.Images(_folder, "train", 28, 1);
        _validation = TinyRun.Images(_folder, "validation", 20, 2);
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}
