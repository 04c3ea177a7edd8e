using Spectre.Console;

namespace MedPeft.Samples.QuickStart;

/// <summary>A progress bar for each long step; where output goes to a file, only the line that it ends with.</summary>
internal static class Bars
{
    /// <summary>Runs a step under a bar.</summary>
    /// <param name="title">What is done.</param>
    /// <param name="step">Gets the means to tell the share done, 0 to 1, and a few words.</param>
    public static T Run<T>(string title, Func<Action<double, string>, T> step)
    {
        if (!AnsiConsole.Profile.Capabilities.Interactive || Console.IsOutputRedirected)
        {
            var last = "";
            var value = step((_, words) => last = words);
            AnsiConsole.WriteLine($"  {title}: done{(last.Length > 0 ? $", {last}" : "")}");
            return value;
        }

        var result = default(T);
        AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var bar = context.AddTask(Markup.Escape(title));
                result = step((share, words) =>
                {
                    bar.Value = 100 * share;
                    bar.Description = Markup.Escape(words.Length > 0 ? $"{title}: {words}" : title);
                });
                bar.Value = 100;
            });
        return result!;
    }
}
