using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace MedPeft.Lora.Training;

/// <summary>Writes a run's curves for TensorBoard: training/loss, training/learning_rate, training/gradient_norm, training/images_per_second, validation/macro_auroc, validation/auroc/LABEL.</summary>
/// <remarks>
/// The event files that TensorBoard reads: TFRecord frames (length, CRC-32C, data, CRC-32C) of the protocol buffer <c>tensorflow.Event</c>. Unlike the usual
/// writers' the file's name holds no host name; nothing in it names a path or a patient.
/// </remarks>
public sealed class TensorBoardLog : ITrainingObserver, IDisposable
{
    private readonly FileStream _file;
    private readonly int _every;
    private long _step;

    /// <summary>Opens a new event file.</summary>
    /// <param name="folder">The run's folder for TensorBoard; made if it does not exist.</param>
    /// <param name="everySteps">Steps from one point of a curve to the next.</param>
    public TensorBoardLog(string folder, int everySteps = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(everySteps);
        _every = everySteps;
        Directory.CreateDirectory(folder);
        var name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds():D13}.medpeft");
        _file = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        Write(Event(3, "brain.Event:2"u8));
    }

    /// <inheritdoc/>
    public void OnProgress(TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        if (progress.Phase != TrainingPhase.Training) return;
        _step = (long)(progress.Epoch - 1) * progress.Steps + progress.Step;
        if (_step % _every != 0) return;
        Point("training/loss", progress.Loss);
        Point("training/learning_rate", progress.LearningRate);
        Point("training/gradient_norm", progress.GradientNorm);
        Point("training/images_per_second", progress.ImagesPerSecond);
        _file.Flush();
    }

    /// <inheritdoc/>
    public void OnEpoch(EpochResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Auroc.Scored > 0) Point("validation/macro_auroc", result.Auroc.Macro);
        foreach (var label in result.Auroc.PerLabel) Point($"validation/auroc/{label.Label}", label.Value);
        _file.Flush();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>TFRecord's checksum: CRC-32C, rotated and shifted so that a checksum of data with checksums is no trouble.</summary>
    internal static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data) crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }

    private void Point(string tag, double? value)
    {
        if (value is not { } number) return;
        var name = Encoding.UTF8.GetBytes(tag);
        byte[] point = [.. Field(1, name), (2 << 3) | 5, .. BitConverter.GetBytes((float)number)]; // Summary.Value: tag, simple_value
        Write(Event(5, Field(1, point)));
    }

    // Event: wall_time (double), step (varint), and a summary or the version of the format.
    private byte[] Event(int number, ReadOnlySpan<byte> content)
    {
        var seconds = BitConverter.DoubleToInt64Bits(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0);
        var time = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(time, seconds);
        return [(1 << 3) | 1, .. time, 2 << 3, .. Varint((ulong)_step), .. Field(number, content)];
    }

    private void Write(byte[] data)
    {
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteInt64LittleEndian(head, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], MaskedChecksum(head[..8]));
        _file.Write(head);
        _file.Write(data);
        BinaryPrimitives.WriteUInt32LittleEndian(head, MaskedChecksum(data));
        _file.Write(head[..4]);
    }

    private static byte[] Field(int number, ReadOnlySpan<byte> content) => [(byte)((number << 3) | 2), .. Varint((ulong)content.Length), .. content];

    private static byte[] Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return [.. bytes];
    }
}
