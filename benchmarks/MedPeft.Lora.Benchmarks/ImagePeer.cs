using System.Diagnostics;
using System.Globalization;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Pillow in a process of its own that does one round of work whenever it is asked, so that rounds of both sides alternate.</summary>
internal sealed class ImagePeer : IDisposable
{
    private readonly Process _process;

    private ImagePeer(Process process, string name) => (_process, Name) = (process, name);

    /// <summary>Versions.</summary>
    public string Name { get; }

    /// <summary>Starts it; null where Python or Pillow is missing.</summary>
    public static ImagePeer? Start(string python, string script)
    {
        try
        {
            var process = Process.Start(new ProcessStartInfo(python, [script]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            if (process.StandardOutput.ReadLine() is { } name) return new ImagePeer(process, name);
            process.Dispose();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // No such program.
        }

        return null;
    }

    /// <summary>Seconds of processor time for all files of a listing, and the checksum of the results; null if it cannot do that work.</summary>
    public (double Seconds, uint Crc)? Run(string what, int side, string listing)
    {
        _process.StandardInput.WriteLine($"{what} {side} {listing}");
        _process.StandardInput.Flush();
        var answer = (_process.StandardOutput.ReadLine() ?? "-").Split(' ');
        return answer[0] == "-" ? null : (double.Parse(answer[0], CultureInfo.InvariantCulture), uint.Parse(answer[1], CultureInfo.InvariantCulture));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
