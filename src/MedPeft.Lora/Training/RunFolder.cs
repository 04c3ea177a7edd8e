using System.Globalization;
using MedPeft.Lora.Checkpoints;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>The checkpoints of one run, numbered; the last two are kept, so that a damaged one costs a few steps and not the run. One process at a time.</summary>
internal sealed partial class RunFolder : IDisposable
{
    private const int Kept = 2;

    private readonly string _folder;
    private readonly ILogger _logger;
    private readonly FileStream _lock;

    /// <exception cref="TrainingException">The folder cannot be used, or another run uses it.</exception>
    public RunFolder(string folder, ILogger logger)
    {
        (_folder, _logger) = (Path.GetFullPath(folder), logger);
        try
        {
            Directory.CreateDirectory(_folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"The run folder '{Name}' cannot be made or used. Choose a RunFolder that can be written.", error);
        }

        try
        {
            _lock = new FileStream(Path.Combine(_folder, "run.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"The run folder '{Name}' is in use by another run, or cannot be written. Give each run a RunFolder of its own.", error);
        }

        // What a process that was killed in the middle of writing has left.
        foreach (var half in Directory.EnumerateFiles(_folder, ".checkpoint-*.tmp")) File.Delete(half);
    }

    /// <summary>Name of the folder, without the path to it.</summary>
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(_folder));

    /// <summary>The newest checkpoint that is whole; null if there is none at all.</summary>
    /// <exception cref="CheckpointException">There are some, and none is whole.</exception>
    public RunCheckpoint.Content? Latest()
    {
        CheckpointException? damaged = null;
        foreach (var (_, path) in Numbered().OrderByDescending(entry => entry.Number))
        {
            try
            {
                return RunCheckpoint.Read(path);
            }
            catch (CheckpointException error)
            {
                LogDamaged(Path.GetFileName(path), error.Reason);
                damaged ??= error;
            }
        }

        return damaged is null ? null : throw damaged;
    }

    public void Save(RunState state, IReadOnlyDictionary<string, string> identity, IReadOnlyList<KeyValuePair<string, Tensor>> tensors)
    {
        var number = Numbered().Select(entry => entry.Number).DefaultIfEmpty(0).Max() + 1;
        RunCheckpoint.Write(Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"checkpoint-{number:D6}.safetensors")), state, identity, tensors);
        foreach (var (old, path) in Numbered().ToList())
            if (old <= number - Kept) File.Delete(path);
        LogSaved(state.Epoch, state.Batch, state.Steps);
    }

    public void Dispose() => _lock.Dispose();

    private IEnumerable<(int Number, string Path)> Numbered()
    {
        foreach (var path in Directory.EnumerateFiles(_folder, "checkpoint-*.safetensors"))
        {
            var digits = Path.GetFileNameWithoutExtension(path)["checkpoint-".Length..];
            if (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) yield return (number, path);
        }
    }

    [LoggerMessage(3, LogLevel.Debug, "Checkpoint saved: epoch {Epoch}, batch {Batch}, step {Step}")]
    private partial void LogSaved(int epoch, int batch, int step);

    [LoggerMessage(4, LogLevel.Warning, "Checkpoint {File} is left out, the one before it is tried: {Reason}")]
    private partial void LogDamaged(string file, string reason);
}
