using System.Diagnostics;
using System.Globalization;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using MedPeft.Lora.Tests.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Loads a ViT-B of its own from both kinds of files, and saves and loads an adapter; time, and the peak memory of a process that does nothing else.</summary>
internal static class CheckpointLoading
{
    private const int Runs = 3;

    public static int Run(string[] args)
    {
        if (args is ["one", _, _]) return One(args[1], args[2]);
        var folder = args.Length > 0 ? args[0] : Directory.CreateTempSubdirectory("medpeft-load-").FullName;
        Directory.CreateDirectory(folder);
        try
        {
            Write(folder);
            Console.WriteLine("| | file, bytes | seconds, median | fastest | slowest | peak memory, MiB |\n|---|---:|---:|---:|---:|---:|");
            foreach (var (what, file) in new[]
            {
                ("start", "vit.safetensors"), ("model", "vit.safetensors"), ("describe", "vit.pth"), ("describe", "vit.safetensors"), ("tensor", "vit.pth"), ("tensor", "vit.safetensors"), ("read", "vit.pth"), ("read", "vit.safetensors"),
                ("load", "vit.pth"), ("load", "vit.safetensors"), ("fingerprint", "vit.safetensors"), ("save", "vit.safetensors"), ("adapter", "vit.safetensors"),
            })
                Measure(folder, what, file);
            Sizes(folder);
            return 0;
        }
        finally
        {
            if (args.Length == 0) Directory.Delete(folder, recursive: true);
        }
    }

    internal static void Write(string folder)
    {
        using var model = new VisionTransformer(ViTConfig.Base16, seed: 1);
        Safetensors.Write(Path.Combine(folder, "vit.safetensors"), model);
        var state = model.state_dict();
        var pickle = PickleWriter.Dict(("model", value =>
        {
            value.Op("}(");
            foreach (var (index, (name, tensor)) in state.Select((entry, index) => (index, (entry.Key, entry.Value))))
                value.Text(name).Tensor(index.ToString(CultureInfo.InvariantCulture), tensor.numel(), 0, tensor.shape, tensor.stride());
            value.Op("u");
        }));
        var zip = new ZipBuilder().Add("archive/data.pkl", pickle);
        foreach (var (index, tensor) in state.Values.Index()) zip.Add($"archive/data/{index}", tensor.bytes.ToArray(), entry => entry with { Align = 64 });
        File.WriteAllBytes(Path.Combine(folder, "vit.pth"), zip.Add("archive/version", "3\n"u8.ToArray()).Build());

        model.InjectLora(TrainingStep.Paper).Save(Path.Combine(folder, "adapter"));
    }

    private static void Measure(string folder, string what, string file)
    {
        var (times, peaks) = (new List<double>(), new List<double>());
        for (var i = 0; i < Runs; i++)
        {
            using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Host(), "load", "one", what, Path.Combine(folder, file)]) { RedirectStandardOutput = true })!;
            var answer = process.StandardOutput.ReadToEnd().Split(' ');
            process.WaitForExit();
            times.Add(double.Parse(answer[0], CultureInfo.InvariantCulture));
            peaks.Add(double.Parse(answer[1], CultureInfo.InvariantCulture));
        }
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Title(what)}, {Path.GetExtension(file)} | {new FileInfo(Path.Combine(folder, file)).Length:N0} | {times[Runs / 2]:F3} | {times[0]:F3} | {times[^1]:F3} | {peaks.Max():N0} |"));
    }

    // Under "dotnet run" the process is the host of the program; from a published one it is the program.
    internal static string[] Host() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];

    private static string Title(string what) => what switch
    {
        "start" => "nothing: the process and libtorch",
        "model" => "a new ViT-B without a file",
        "describe" => "Checkpoint.Describe",
        "tensor" => "one tensor, mapped",
        "read" => "every tensor, read and dropped",
        "load" => "VisionTransformer.FromCheckpoint",
        "fingerprint" => "fingerprint of the base",
        "save" => "LoraAdapter.Save, r = 4",
        _ => "model.LoadLora, r = 4",
    };

    private static int One(string what, string path)
    {
        zeros(1).Dispose(); // libtorch itself is not what is measured
        var prepared = what is "fingerprint" or "save" or "adapter" ? VisionTransformer.FromCheckpoint(path, ViTConfig.Base16) : null;
        var lora = what == "save" ? prepared!.InjectLora(TrainingStep.Paper) : null;
        var folder = Path.GetDirectoryName(path)!;
        var clock = Stopwatch.StartNew();
        switch (what)
        {
            case "model":
                new VisionTransformer(ViTConfig.Base16).Dispose();
                break;
            case "describe":
                _ = Checkpoint.Describe(path);
                break;
            case "tensor":
                using (var file = Checkpoint.Open(path)) file.Map("blocks.11.mlp.fc1.weight").sum().Dispose();
                break;
            case "read":
                using (var file = Checkpoint.Open(path))
                    foreach (var name in file.Tensors.Keys)
                        file.Read(name).Dispose();
                break;
            case "load":
                VisionTransformer.FromCheckpoint(path, ViTConfig.Base16).Dispose();
                break;
            case "fingerprint":
                BaseFingerprint.Of(prepared!.state_dict().ToList());
                break;
            case "save":
                lora!.Save(Path.Combine(folder, "saved"));
                break;
            case "adapter":
                prepared!.LoadLora(Path.Combine(folder, "adapter"));
                break;
        }
        Console.Write(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed.TotalSeconds:F6} {Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0:F1}"));
        return 0;
    }

    private static void Sizes(string folder)
    {
        Console.WriteLine("\n| r = 4 on q and v of ViT-B, with head and fc_norm | bytes |\n|---|---:|");
        foreach (var file in new DirectoryInfo(Path.Combine(folder, "adapter")).GetFiles().OrderBy(file => file.Name, StringComparer.Ordinal)) Console.WriteLine($"| {file.Name} | {file.Length.ToString("N0", CultureInfo.InvariantCulture)} |");
        using var model = new VisionTransformer(ViTConfig.Base16, seed: 1);
        var compact = Path.Combine(folder, "compact.safetensors");
        Safetensors.Write(compact, model.InjectLora(TrainingStep.Paper).TrainableParameters().Select(entry => KeyValuePair.Create(entry.Name, (Tensor)entry.Parameter)));
        Console.WriteLine($"| for comparison: the same without the zeros that PEFT's form needs | {new FileInfo(compact).Length.ToString("N0", CultureInfo.InvariantCulture)} |");
    }
}
