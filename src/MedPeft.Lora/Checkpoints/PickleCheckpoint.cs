using MedPeft.Lora.Checkpoints.Pickle;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>An open PyTorch checkpoint (<c>.pth</c>, <c>.pt</c>, <c>.bin</c>), read as data: no code of the file ever runs.</summary>
/// <remarks>
/// <see cref="TensorFile.Tensors"/> shows the weights: the state dict under <c>model</c>, <c>state_dict</c> or <c>teacher</c>, or the root, with the
/// <c>module.</c> of DataParallel (and <c>_orig_mod.</c> of torch.compile) stripped when every name has it. <see cref="Root"/> shows everything.
/// </remarks>
public sealed class PickleCheckpoint : TensorFile
{
    private readonly StorageReader storages;
    private readonly StateDictView view;

    private PickleCheckpoint(FileSource source, TorchFile file, StateDictView view, IReadOnlyDictionary<string, TensorInfo> tensors)
        : base(source.Path, tensors, new Dictionary<string, string>())
    {
        storages = new StorageReader(source, file);
        this.view = view;
        Root = new CheckpointValue(file.Root);
        Kind = file.Kind;
    }

    /// <inheritdoc/>
    public override string Kind { get; }

    /// <summary>Everything in the checkpoint: epoch, arguments, optimizer state, ...</summary>
    public CheckpointValue Root { get; }

    /// <summary>Where <see cref="TensorFile.Tensors"/> was found, dotted; empty for the root.</summary>
    public string StateDictKey => view.Key;

    /// <summary>The prefix stripped from all names, e.g. <c>module.</c>; empty if there was none.</summary>
    public string StrippedPrefix => view.Prefix;

    /// <summary>Opens a PyTorch checkpoint, the zip form or the stream of before PyTorch 1.6.</summary>
    /// <param name="path">The file.</param>
    /// <param name="stateDict">Where the weights are, dotted, e.g. <c>model_ema</c> or <c>teacher.backbone</c>; null to find them.</param>
    /// <returns>The open file; the caller disposes it.</returns>
    /// <exception cref="CheckpointException">It is no such file, it is damaged, or it has no such state dict.</exception>
    public static PickleCheckpoint Open(string path, string? stateDict = null)
    {
        var source = FileSource.Open(path);
        try
        {
            var kind = CheckpointSniffer.Sniff(source);
            return kind is CheckpointForm.Zip or CheckpointForm.Pickle ? Open(source, kind, stateDict)
                : throw new CheckpointException(path, "this is a safetensors file or index, not a PyTorch checkpoint. Open it by Checkpoint.Open.");
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Reads the values of a tensor found in <see cref="Root"/>, e.g. of an optimizer's state.</summary>
    /// <param name="value">A value of kind <see cref="CheckpointValueKind.Tensor"/> of this checkpoint.</param>
    /// <returns>A new contiguous CPU tensor; the caller owns it, and no dispose scope does.</returns>
    /// <exception cref="ArgumentException">It is no tensor.</exception>
    /// <exception cref="CheckpointException">The file is damaged, or TorchSharp has no such type.</exception>
    public Tensor Read(CheckpointValue value)
    {
        var tensor = value.Raw as PickleTensor ?? throw new ArgumentException($"This value is {value.Describe()}, not a tensor.", nameof(value));
        return Use(value.Tensor!, _ => storages.Read(tensor));
    }

    internal static PickleCheckpoint Open(FileSource source, CheckpointForm form, string? stateDict)
    {
        var file = form == CheckpointForm.Zip ? TorchZip.Read(source) : TorchLegacy.Read(source);
        var view = StateDictView.Choose(source.Path, file.Root, stateDict);
        var tensors = new Dictionary<string, TensorInfo>(view.Tensors.Count, StringComparer.Ordinal);
        long total = 0;
        foreach (var (name, tensor) in view.Tensors)
        {
            var info = StateDictView.Info(name, tensor);
            total = Math.Min(total + info.Bytes, long.MaxValue / 2);
            tensors.Add(name, info);
        }

        // Tied weights share a storage; a bomb shares one a thousand times.
        if (total > Limits.Tensors(source.Length)) throw new CheckpointException(source.Path, $"the tensors take {total} bytes, but the file has only {source.Length}: they repeat the same storage. It is no ordinary checkpoint: do not use it.");
        return new PickleCheckpoint(source, file, view, tensors);
    }

    private protected override Tensor ReadCore(TensorInfo info) => storages.Read(view.Tensors[info.Name]);

    private protected override Tensor MapCore(TensorInfo info) => storages.Map(view.Tensors[info.Name]);

    private protected override void Close() => storages.Dispose();
}
