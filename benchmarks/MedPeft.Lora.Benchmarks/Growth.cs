using System.Globalization;
using MedPeft.Samples.Drawing;
using ScottPlot;

namespace MedPeft.Lora.Benchmarks;

/// <summary>How the time of LoRA's step grows with one size at a time: a table, and a plot of each size with the straight line through its first and last point.</summary>
internal static class Growth
{
    private static readonly (string Size, int[] Values, Func<int, (TrainingStep Step, int Steps)> Make)[] Sizes =
    [
        ("images", [4, 8, 16, 32, 64], images => (new TrainingStep(Trained.Lora, 4), images / 4)),
        ("batch", [1, 2, 4, 8, 16], batch => (new TrainingStep(Trained.Lora, batch), 1)),
        ("tokens", [17, 50, 101, 197, 401], tokens => (new TrainingStep(Trained.Lora, 2, pixels: 16 * (int)Math.Sqrt(tokens - 1)), 1)),
        ("rank", [1, 4, 16, 64, 256], rank => (new TrainingStep(Trained.Lora, 2, rank: rank), 1)),
    ];

    public static int Run(string[] args)
    {
        var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 3;
        var folder = args.Length > 1 ? args[1] : ".";
        Directory.CreateDirectory(folder);
        Console.WriteLine($"LoRA step of ViT-B/16, float32; images in batches of 4, tokens and rank at batch 2; median of {rounds} rounds, {Environment.ProcessorCount} cores\n");
        Console.WriteLine("| size | value | seconds | against the one before | size against the one before |\n|---|---:|---:|---:|---:|");
        foreach (var (size, values, make) in Sizes.Where(size => args.Length <= 2 || args.Skip(2).Contains(size.Size)))
        {
            var seconds = values.Select(value => Time(make(value), rounds)).ToArray();
            for (var i = 0; i < values.Length; i++)
            {
                var growth = i == 0 ? " | " : string.Create(CultureInfo.InvariantCulture, $"{seconds[i] / seconds[i - 1]:F2} | {(double)values[i] / values[i - 1]:F2}");
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {size} | {values[i]} | {seconds[i]:F3} | {growth} |"));
            }

            var file = Path.Combine(folder, $"growth-{size}.svg");
            Draw(size, values, seconds, file);
            Console.Error.WriteLine(file);
        }

        return 0;
    }

    private static double Time((TrainingStep Step, int Steps) work, int rounds)
    {
        using var step = work.Step;
        return Contest.Run(rounds, () =>
        {
            for (var i = 0; i < work.Steps; i++) step.Step();
        })[0];
    }

    private static void Draw(string size, int[] values, double[] seconds, string file)
    {
        EmbeddedFonts.UseInPlots();
        using var plot = new Plot();
        double[] xs = [.. values.Select(value => (double)value)];
        double[] ends = [xs[0], xs[^1]], between = [seconds[0], seconds[^1]];
        var line = plot.Add.ScatterLine(ends, between);
        line.LegendText = "straight";
        line.LinePattern = LinePattern.Dashed;
        plot.Add.Scatter(xs, seconds).LegendText = "measured";
        plot.XLabel(size);
        plot.YLabel("seconds");
        plot.Title($"Time of LoRA's step over {size}");
        plot.ShowLegend(Alignment.UpperLeft);
        plot.Axes.SetLimitsY(0, seconds.Max() * 1.1);
        plot.SaveSvg(file, 640, 400);
    }
}
