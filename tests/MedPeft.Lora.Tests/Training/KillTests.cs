using System.Diagnostics;
using System.Globalization;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Training;

/// <summary>Real processes, really killed. MEDPEFT_KILLS says how many; a thousand take about half an hour.</summary>
public sealed class KillTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft-kill-").FullName;

    private string Images => Directory.CreateDirectory(Path.Combine(_folder, "images")).FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_run_killed_at_any_moment_resumes_to_the_same_bits()
    {
        if (OperatingSystem.IsWindows()) return; // a kill there waits for file handles, which is another test
        var kills = int.Parse(Environment.GetEnvironmentVariable("MEDPEFT_KILLS") ?? "2", CultureInfo.InvariantCulture);
        var expected = Undisturbed();
        var random = new SampleRandom(7);
        for (var (killed, round) = (0, 0); killed < kills; round++)
        {
            var run = Path.Combine(_folder, $"run{round}");
            string? end = null;
            while (end is null)
            {
                var (status, lines) = Start(run, killAfter: killed < kills ? random.NextInt(1, 9) : int.MaxValue, pause: random.NextInt(0, 4000));
                if (status == 0) end = Assert.Single(lines, line => line.StartsWith("end ", StringComparison.Ordinal));
                else killed++;
            }

            Assert.Equal($"end {expected}", end);
            Directory.Delete(run, recursive: true);
        }
    }

    [Fact]
    public void A_run_that_is_asked_to_stop_saves_and_says_so_by_its_exit_code()
    {
        if (!OperatingSystem.IsLinux()) return;
        var expected = Undisturbed();
        var run = Path.Combine(_folder, "run");
        var signals = new[] { ("TERM", StopSignals.ExitTryAgain), ("USR1", StopSignals.ExitTryAgain), ("INT", StopSignals.ExitStopped) };
        foreach (var (signal, code) in signals)
        {
            var (status, lines) = Start(run, killAfter: 3, signal: signal);
            Assert.Equal((code, "stopped"), (status, lines[^1]));
        }

        Assert.Equal($"end {expected}", Start(run).Lines[^1]);
    }

    private string Undisturbed()
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        TinyRun.Inject(model);
        return TinyRun.Fingerprint(model, new Trainer(KilledRun.Options(null)).Fit(model, KilledRun.Train(Images), KilledRun.Validation(Images)));
    }

    private (int Status, List<string> Lines) Start(string run, int killAfter = int.MaxValue, int pause = 0, string? signal = null)
    {
        var host = Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";
        string[] command = [host, "exec", typeof(KilledRun).Assembly.Location, "train", Images, run, signal is null ? "0" : killAfter.ToString(CultureInfo.InvariantCulture)];
        // A shell's background jobs ignore Ctrl+C, and so do their children unless that is undone.
        if (signal is not null) command = ["env", "--default-signal=INT", .. command];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            Environment = { ["OMP_NUM_THREADS"] = TorchSharp.torch.get_num_threads().ToString(CultureInfo.InvariantCulture) },
        })!;
        var (lines, steps) = (new List<string>(), 0);
        while (process.StandardOutput.ReadLine() is { } line)
        {
            lines.Add(line);
            if (++steps != killAfter) continue;
            // A random moment within the next step, its checkpoint or its scoring.
            Thread.SpinWait(pause * 100);
            if (signal is null) process.Kill();
            else
            {
                Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
                process.StandardInput.WriteLine();
            }
        }

        process.WaitForExit();
        return (process.ExitCode, lines);
    }
}
