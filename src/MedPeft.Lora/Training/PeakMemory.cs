using System.Diagnostics;

namespace MedPeft.Lora.Training;

/// <summary>The highest memory of this process, looked up once a second at most.</summary>
internal sealed class PeakMemory
{
    private long _bytes, _looked = -1;

    public long Bytes
    {
        get
        {
            if (_looked >= 0 && Stopwatch.GetElapsedTime(_looked) < TimeSpan.FromSeconds(1)) return _bytes;
            using var process = Process.GetCurrentProcess();
            (_bytes, _looked) = (Math.Max(_bytes, process.PeakWorkingSet64), Stopwatch.GetTimestamp());
            return _bytes;
        }
    }
}
