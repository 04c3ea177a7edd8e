using MedPeft.Lora.Data;
using MedPeft.Samples.Phantoms;

namespace MedPeft.Samples.QuickStart;

/// <summary>The phantoms of a plan in a folder of ChestX-ray14's format.</summary>
internal sealed class PhantomCohort(Plan plan, string folder)
{
    public const string Unlabelled = "unlabelled_list.txt", Train = "train_list.txt", Validation = "val_list.txt", Test = "test_list.txt";

    private readonly string _data = Path.Combine(folder, "phantom-chestxray14");

    public void Draw(CancellationToken stop)
    {
        var lists = new[] { (Unlabelled, plan.Unlabelled), (Train, plan.Train), (Validation, plan.Validation), (Test, plan.Test) };
        var total = lists.Sum(list => list.Item2);
        // Twice as frequent as in the real table, none under 8 %: a few hundred images would hold too few of the rare findings to learn or to score.
        var options = new CohortOptions { Images = total, Size = plan.Size, Seed = plan.Seed + 1, PrevalenceScale = 2, MinimumPrevalence = .08 };
        Bars.Run("drawing", tell =>
        {
            PhantomNih.Write(_data, options, lists, new Direct<int>(done => tell((double)done / total, $"{total} phantoms of {plan.Size}x{plan.Size} pixels")), stop);
            return true;
        });
    }

    public ImageDataset Open(string list) => ChestXray14.Open(_data, list);
}
