using System.Text.Encodings.Web;
using System.Text.Json;
using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Studies;

/// <summary>The files of a cell. The result is written last: a cell is done when it is there.</summary>
internal sealed class CellFolder(string output, StudyCell cell)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public string Root { get; } = Path.Combine(output, "cells", cell.FolderName);

    /// <summary>Where the trainer keeps its checkpoints.</summary>
    public string Run => Path.Combine(Root, "run");

    public string Predictions => Path.Combine(Root, "predictions.safetensors");

    public string Adapter => Path.Combine(Root, "adapter");

    public CellResult? Result => Read<CellResult>("result.json") is { } result && result.Id == cell.Id ? result : null;

    public CellTiming? Timing => Read<CellTiming>("timing.json");

    public CellFailure? Failure => Read<CellFailure>("failure.json");

    public CellState State => Result is not null ? CellState.Done
        : Locked ? CellState.Running
        : Failure is not null ? CellState.Failed
        : Directory.Exists(Run) ? CellState.Interrupted
        : CellState.Waiting;

    /// <summary>Takes the cell for this process. The operating system gives it back when the process ends, however it ends.</summary>
    /// <returns>Null where another process has it.</returns>
    public FileStream? TryLock()
    {
        Directory.CreateDirectory(Root);
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(Path.Combine(Root, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 4)
            {
                Thread.Sleep(20); // someone who only looks at the state holds it for a moment
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    public void Write(CellResult result) => Write("result.json", result);

    public void Write(CellTiming timing) => Write("timing.json", timing);

    public void Write(CellFailure failure) => Write("failure.json", failure);

    public void WriteSettings() => Write("settings.json", stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(cell.Settings)));

    public void Forget(string name) => File.Delete(Path.Combine(Root, name));

    /// <summary>Counts the starts of the cell, this one included.</summary>
    public int CountStart()
    {
        var path = Path.Combine(Root, "starts");
        var starts = File.Exists(path) && int.TryParse(File.ReadAllText(path), out var before) ? before + 1 : 1;
        Write("starts", stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(FormattableString.Invariant($"{starts}"))));
        return starts;
    }

    private bool Locked
    {
        get
        {
            try
            {
                using var probe = new FileStream(Path.Combine(Root, "lock"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                return false;
            }
            catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
            {
                return false;
            }
            catch (IOException)
            {
                return true;
            }
        }
    }

    private T? Read<T>(string name)
        where T : class
    {
        var path = Path.Combine(Root, name);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), Format);
        }
        catch (JsonException error)
        {
            throw new StudyException($"'{path}' is no {name} of this version: {error.Message} Remove the folder of the cell and run it again.", error);
        }
    }

    private void Write<T>(string name, T value) => Write(name, stream =>
    {
        var text = JsonSerializer.Serialize(value, Format).ReplaceLineEndings("\n") + "\n";
        stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
    });

    private void Write(string name, Action<Stream> write) => AtomicFile.Write(Path.Combine(Root, name), write);
}
