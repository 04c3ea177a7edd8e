using System.Text;
using System.Text.Json;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using Microsoft.Extensions.Logging;

namespace MedPeft.Lora.Tests.Training;

public sealed class WatchingTests : TinyRunTest
{
    [Fact]
    public void Json_lines_hold_every_step_and_epoch_and_no_path_or_patient()
    {
        var file = Path.Combine(_folder, "log.jsonl");
        using (var log = new JsonLinesLog(file)) Fit(log);
        var text = File.ReadAllText(file);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();

        Assert.Equal(6, lines.Count(line => line.GetProperty("event").GetString() == "step"));
        var epoch = lines.Last(line => line.GetProperty("event").GetString() == "epoch");
        Assert.Equal(2, epoch.GetProperty("epoch").GetInt32());
        Assert.InRange(epoch.GetProperty("auroc").GetProperty("bright").GetDouble(), 0, 1);
        Assert.True(epoch.GetProperty("peak_memory_bytes").GetInt64() > 1 << 20);
        Assert.InRange(lines[0].GetProperty("data_wait").GetDouble(), 0, 1);
        Assert.True(lines[0].GetProperty("gradient_norm").GetDouble() > 0);
        Assert.True(lines[1].GetProperty("seconds_left").GetDouble() > 0);
        Assert.DoesNotContain("train1", text);
        Assert.DoesNotContain(_folder, text);
    }

    [Fact]
    public void Event_files_are_what_tensor_board_reads()
    {
        var folder = Path.Combine(_folder, "board");
        using (var log = new TensorBoardLog(folder)) Fit(log);
        var points = Points(Assert.Single(Directory.GetFiles(folder))).ToList();

        Assert.Equal([1, 2, 3, 4, 5, 6], points.Where(point => point.Tag == "training/loss").Select(point => point.Step));
        Assert.Equal([3, 6], points.Where(point => point.Tag == "validation/auroc/bright").Select(point => point.Step));
        Assert.All(points.Where(point => point.Tag == "validation/macro_auroc"), point => Assert.InRange(point.Value, 0, 1));
        Assert.DoesNotContain(Environment.MachineName, Path.GetFileName(Directory.GetFiles(folder)[0]));
    }

    [Fact]
    public void The_checksum_is_crc_32c() =>
        // RFC 3720, B.4: 32 bytes of zeros give 0x8A9136AA.
        Assert.Equal(System.Numerics.BitOperations.RotateRight(0x8A9136AAu, 15) + 0xA282EAD8, TensorBoardLog.MaskedChecksum(new byte[32]));

    [Fact]
    public void Progress_tells_the_time_left_and_a_run_its_peak_memory()
    {
        var seen = new Seen();
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        var result = new Trainer(TinyRun.Options with { Epochs = 2 }).Fit(model, _train, _validation, seen);

        Assert.All(seen.Reports, report => Assert.NotNull(report.TimeLeft));
        Assert.Equal(TimeSpan.Zero, seen.Reports[^1].TimeLeft);
        Assert.All(result.Epochs, epoch => Assert.True(epoch.PeakMemoryBytes > 1 << 20 && epoch.DataWait is >= 0 and <= 1));
    }

    [Fact]
    public void The_log_has_named_numbers_and_no_path()
    {
        var logger = new Lines();
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        new Trainer(TinyRun.Options with { Epochs = 1, RunFolder = Path.Combine(_folder, "run") }, logger).Fit(model, _train, _validation);

        Assert.Contains(logger.Events, entry => entry.Id == 2 && entry.Names.Contains("Loss") && entry.Names.Contains("Auroc") && entry.Names.Contains("Wait"));
        Assert.Contains(logger.Events, entry => entry.Id == 3); // a checkpoint
        Assert.Contains(logger.Events, entry => entry.Id == 9 && entry.Text.Contains("no leak found"));
        Assert.All(logger.Events, entry => Assert.DoesNotContain(_folder, entry.Text));
    }

    private void Fit(ITrainingObserver observer)
    {
        using var model = new VisionTransformer(TinyRun.Model, seed: 1);
        new Trainer(TinyRun.Options with { Epochs = 2, Observers = [observer] }).Fit(model, _train, _validation);
    }

    // A reader of the format by itself: frames with their checksums, then the fields of Event, Summary and Summary.Value.
    private static IEnumerable<(string Tag, long Step, float Value)> Points(string file)
    {
        var bytes = File.ReadAllBytes(file);
        for (var at = 0; at < bytes.Length;)
        {
            var length = (int)BitConverter.ToInt64(bytes, at);
            Assert.Equal(BitConverter.ToUInt32(bytes, at + 8), TensorBoardLog.MaskedChecksum(bytes.AsSpan(at, 8)));
            var data = bytes[(at + 12)..(at + 12 + length)];
            Assert.Equal(BitConverter.ToUInt32(bytes, at + 12 + length), TensorBoardLog.MaskedChecksum(data));
            at += length + 16;
            var fields = Fields(data);
            if (!fields.TryGetValue(5, out var summary)) continue;
            var value = Fields((byte[])Fields((byte[])summary)[1]);
            yield return (Encoding.UTF8.GetString((byte[])value[1]), fields.TryGetValue(2, out var step) ? (long)step : 0, (float)value[2]);
        }
    }

    private static Dictionary<int, object> Fields(byte[] data)
    {
        var fields = new Dictionary<int, object>();
        for (var at = 0; at < data.Length;)
        {
            var key = data[at++];
            switch (key & 7)
            {
                case 0: fields[key >> 3] = Varint(); break;
                case 1: fields[key >> 3] = BitConverter.ToDouble(data, at); at += 8; break;
                case 2: var length = (int)Varint(); fields[key >> 3] = data[at..(at + length)]; at += length; break;
                default: fields[key >> 3] = BitConverter.ToSingle(data, at); at += 4; break;
            }

            long Varint()
            {
                long value = 0;
                for (var shift = 0; ; shift += 7)
                {
                    value |= (long)(data[at] & 0x7F) << shift;
                    if (data[at++] < 0x80) return value;
                }
            }
        }

        return fields;
    }

    private sealed class Seen : IProgress<TrainingProgress>
    {
        public List<TrainingProgress> Reports { get; } = [];

        public void Report(TrainingProgress value) => Reports.Add(value);
    }

    private sealed class Lines : ILogger
    {
        public List<(int Id, string Text, IReadOnlyList<string> Names)> Events { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Events.Add((eventId.Id, formatter(state, exception), state is IReadOnlyList<KeyValuePair<string, object?>> named ? [.. named.Select(entry => entry.Key)] : []));
    }
}
