using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace MedPeft.Lora.Studies;

/// <summary>
/// Runs the cells of a study into a folder. Each cell is locked while a process works on it, goes on from its last checkpoint when it was stopped or
/// killed, and is left alone when its result is there: any number of processes, on one machine or on many with a common disk, can run one study.
/// </summary>
public sealed class StudyRunner
{
    private readonly string _folder;
    private readonly StudyRunOptions _options;
    private readonly ILogger _logger;

    /// <summary>Makes a runner.</summary>
    /// <param name="study">The study.</param>
    /// <param name="folder">The folder of its results; made if it does not exist.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="logger">Hears of every epoch; counts and scores only.</param>
    /// <exception cref="StudyException">The study cannot be run as it is written.</exception>
    public StudyRunner(Study study, string folder, StudyRunOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(study);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        (Study, Cells, _folder, _options, _logger) = (study, study.Cells(), Path.GetFullPath(folder), options ?? new StudyRunOptions(), logger ?? NullLogger.Instance);
    }

    /// <summary>The study.</summary>
    public Study Study { get; }

    /// <summary>Its cells.</summary>
    public IReadOnlyList<StudyCell> Cells { get; }

    /// <summary>How far a cell is.</summary>
    /// <param name="cell">One of <see cref="Cells"/>.</param>
    public CellState State(StudyCell cell) => Folder(cell).State;

    /// <summary>The result of a cell; null where it is not done.</summary>
    /// <param name="cell">One of <see cref="Cells"/>.</param>
    public CellResult? Result(StudyCell cell) => Folder(cell).Result;

    /// <summary>When and how fast a cell ran; null where it is not done.</summary>
    /// <param name="cell">One of <see cref="Cells"/>.</param>
    public CellTiming? Timing(StudyCell cell) => Folder(cell).Timing;

    /// <summary>Why a cell ended without a result; null where none did.</summary>
    /// <param name="cell">One of <see cref="Cells"/>.</param>
    public CellFailure? Failure(StudyCell cell) => Folder(cell).Failure;

    /// <summary>Runs a cell, from its last checkpoint if it has one.</summary>
    /// <param name="cell">One of <see cref="Cells"/>.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Ends it after the step at hand, with a checkpoint.</param>
    /// <exception cref="DatasetException">A list cannot be used.</exception>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    /// <exception cref="CheckpointException">The backbone cannot be read, or a file cannot be written.</exception>
    /// <exception cref="StudyException">The settings do not fit.</exception>
    /// <exception cref="LoraException">The adapter does not fit the backbone.</exception>
    /// <exception cref="TrainingException">The numbers broke down.</exception>
    public CellOutcome Run(StudyCell cell, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cell);
        var folder = Folder(cell);
        if (folder.Result is not null) return CellOutcome.WasDone;
        using var held = folder.TryLock();
        if (held is null) return CellOutcome.Locked;
        if (folder.Result is not null) return CellOutcome.WasDone; // another process finished it meanwhile
        try
        {
            return new CellRun(Study, cell, folder, _options, _logger).Execute(progress, cancellationToken) ? CellOutcome.Done : CellOutcome.Stopped;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return CellOutcome.Stopped;
        }
        catch (Exception error) when (ExitCode(error) is not ExitTryAgain and var code)
        {
            folder.Write(new CellFailure(code, error.GetType().Name));
            throw;
        }
    }

    /// <summary>The exit code of a cell that was stopped, locked or met an error that may pass: that of <see cref="StopSignals.ExitTryAgain"/>.</summary>
    public const int ExitTryAgain = StopSignals.ExitTryAgain;

    /// <summary>What an error means to a job scheduler, in the numbers of sysexits.h: 65 bad data, 70 the numbers broke down, 78 bad configuration, 75 for all that may pass.</summary>
    /// <param name="error">What <see cref="Run"/> threw.</param>
    public static int ExitCode(Exception error) => error switch
    {
        DatasetException or ImageException => 65,
        CheckpointException { InnerException: IOException and not FileNotFoundException and not DirectoryNotFoundException } => ExitTryAgain, // a full disk, a lost mount
        CheckpointException => 65,
        StudyException or LoraException or ArgumentException => 78,
        TrainingException => 70,
        _ => ExitTryAgain,
    };

    internal CellFolder Folder(StudyCell cell) => new(_folder, cell);
}
